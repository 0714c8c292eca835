/** The newest Node, which `npm run set-up` fetches: for what this project must run on, and for tools that need it. */
import { findTool, isExecutable, runs, TOOLS } from '../../scripts/set-up.mjs';
import { requireTool } from './tool.ts';

/** Path of the newest Node, or null after saying that `group` is skipped. Throws where tests must not be skipped. */
export function requireNewestNode(group: string): string | null {
  const path = findTool(TOOLS['newest-node']!, { env: process.env, isExecutable, runs });
  return requireTool('newest-node', path !== null, group) ? path : null;
}

/** The process that `miniflare.test.ts` kills: it starts a namespace, says so, and waits. */
import { startKv } from './miniflare.ts';

const { pid } = await startKv();
process.stdout.write(`${pid}\n`);
setInterval(() => undefined, 1000);

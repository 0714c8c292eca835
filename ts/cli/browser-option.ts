/** The options that say which browser and how to treat it, checked before a key is read or a browser is asked. */
import { CHOSEN_KINDS } from '../adapters/choice.ts';
import type { ChosenKind } from '../adapters/driver.ts';
import { usage } from './failure.ts';

const SCHEMES = ['http:', 'https:', 'ws:', 'wss:'];

/** The DevTools address of `--cdp`. */
export function parseAddress(text: string): string {
  if (!URL.canParse(text) || !SCHEMES.includes(new URL(text).protocol)) throw usage('--cdp takes an address such as http://127.0.0.1:9222');
  return text;
}

/** An origin of `--origin`; a slash behind it does no harm. */
export function parseOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isOrigin = url !== null && ['http:', 'https:'].includes(url.protocol) && (text === url.origin || text === `${url.origin}/`);
  if (!isOrigin) throw usage('--origin takes an origin such as https://app.example');
  return url.origin;
}

/** A kind of `--kind`. */
export function parseKind(text: string): ChosenKind {
  const kind = CHOSEN_KINDS.find((one) => one === text);
  if (kind === undefined) throw usage(`--kind takes one of ${CHOSEN_KINDS.join(', ')}`);
  return kind;
}

/** Milliseconds of `--timeout`: seconds or fractions of them, as people type them. */
export function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3600)) throw usage('--timeout takes seconds, more than 0 and at most 3600');
  return Math.ceil(seconds * 1000);
}

/** JSON Pointers (RFC 6901) that may be shown: of the names on the way, not of what went astray into a name. */

/** A longer name may well be a value: the pointer ends before it. */
const MAX_SHOWN_NAME = 64;

/** The pointer to what these names and indexes lead to, or to what is around the first name of more than 64 units. */
export function toPointer(path: readonly (string | number)[]): string {
  const long = path.findIndex((name) => typeof name === 'string' && name.length > MAX_SHOWN_NAME);
  const shown = long === -1 ? path : path.slice(0, long);
  return shown.map((name) => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

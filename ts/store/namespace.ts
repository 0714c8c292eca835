/**
 * Where a session's record is: the key is the names of the namespaces, each with a `/` behind it, and the id. A `/` in an id is escaped, so that no id
 * of one namespace is a key of another, and what starts with a prefix still does.
 */

/** The start of every key of a namespace: '' for none. TypeError, RangeError for a name that is none. */
export function prefixOf(namespace: string): string {
  if (namespace === '') return '';
  for (const name of namespace.split('/')) checkName(name);
  return `${namespace}/`;
}

/** RangeError for an empty name, one with a `/`, and one that begins with `#`: such keys are the store's own. */
export function checkName(name: string): void {
  if (typeof name !== 'string') throw new TypeError(`namespace: expected a string, got ${typeof name}`);
  if (name === '' || name.includes('/')) throw new RangeError('namespace: expected names that are not empty and hold no /');
  if (name.startsWith('#')) throw new RangeError('namespace: expected names that do not begin with #');
}

/** The key of `id`. RangeError for an empty id: it would be nobody's key. */
export function keyOf(prefix: string, id: string): string {
  if (typeof id !== 'string') throw new TypeError(`id: expected a string, got ${typeof id}`);
  if (id === '') throw new RangeError('id: expected one that is not empty');
  return prefix + escapeId(id);
}

/** The id or start of an id as it stands in keys. */
export function escapeId(id: string): string {
  return id.replaceAll('%', '%25').replaceAll('/', '%2F');
}

/** The id of the record at `key`, or null for a key of another namespace, also of one inside, or none that {@link keyOf} gives. */
export function idOf(prefix: string, key: string): string | null {
  if (!key.startsWith(prefix) || key.includes('/', prefix.length)) return null;
  return unescapeId(key.slice(prefix.length));
}

/** The id in the last part of a key, or null. */
export function lastIdOf(key: string): string | null {
  return unescapeId(key.slice(key.lastIndexOf('/') + 1));
}

function unescapeId(escaped: string): string | null {
  const id = escaped.replaceAll('%2F', '/').replaceAll('%25', '%');
  return id !== '' && escapeId(id) === escaped ? id : null;
}

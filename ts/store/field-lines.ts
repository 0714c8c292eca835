/** JSON over lines, so that a difference between two files is a difference between entries. One text for one value, whoever writes it. */

/**
 * `value` as JSON in which whatever holds a list of entries stands over several lines, one entry a line, and everything else on one: a cookie, an
 * item, a rule. `isLeaf` says what counts as one value although it is an object. Lines after the first begin with `indent` spaces at least.
 */
function writeLines(value: unknown, isLeaf: (value: object) => boolean, indent: number): string {
  return isBroken(value, isLeaf) ? breakLines(value as object, isLeaf, indent) : JSON.stringify(value);
}

/** {@link writeLines}, with the members of `value` itself on lines of their own in any case. */
export function breakLines(value: object, isLeaf: (value: object) => boolean, indent: number): string {
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const deeper = indent + 2;
  const write = (item: unknown): string => writeLines(item, isLeaf, deeper);
  const lines = Array.isArray(value)
    ? value.map(write)
    : Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${write(member)}`);
  const line = `\n${' '.repeat(deeper)}`;
  return lines.length === 0 ? `${open}${close}` : `${open}${line}${lines.join(`,${line}`)}\n${' '.repeat(indent)}${close}`;
}

/** A list with an entry that is more than a value, and what holds such a list. */
function isBroken(value: unknown, isLeaf: (value: object) => boolean): boolean {
  if (!isContainer(value, isLeaf)) return false;
  if (Array.isArray(value)) return value.some((item) => isContainer(item, isLeaf));
  return Object.values(value).some((member) => isBroken(member, isLeaf));
}

function isContainer(value: unknown, isLeaf: (value: object) => boolean): value is object {
  return typeof value === 'object' && value !== null && !isLeaf(value);
}

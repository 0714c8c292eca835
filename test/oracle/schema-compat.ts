/**
 * Which changes between two versions of a JSON Schema (2020-12) break somebody: within a major, a newer reader must accept what was written before
 * it, and an older reader what is written after it (FULL compatibility; held against every predecessor it is FULL_TRANSITIVE).
 *
 * Optional members may come and go; annotations may change; `$defs` may be renamed or written out. All else counts as a change that breaks, and
 * what this file cannot judge (a pattern, an unknown keyword) breaks when it changes at all. A name may not come back with another meaning: that
 * shows when the newest file is held against the one that had it.
 */

/** One change that breaks. */
export interface BreakingChange {
  /** JSON Pointer into the newer schema; into the older one for what is only there. */
  readonly pointer: string;
  readonly keyword: string;
  /** `narrowed`: old documents may be refused. `widened`: old readers may refuse new documents. `changed`: one of these, or both. */
  readonly effect: 'narrowed' | 'widened' | 'changed';
}

type Schema = boolean | { readonly [keyword: string]: unknown };
type Node = { readonly [keyword: string]: unknown };

interface Sides {
  readonly older: Schema;
  readonly newer: Schema;
  readonly found: BreakingChange[];
  /** Pairs of places that were compared, so that recursion ends and a shared definition is reported once. */
  readonly done: Set<string>;
}

const ANNOTATIONS = [
  '$id',
  '$schema',
  '$comment',
  '$defs',
  'title',
  'description',
  'examples',
  'default',
  'deprecated',
  'readOnly',
  'writeOnly',
];
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
const SCHEMAS = ['items', 'additionalProperties', 'unevaluatedProperties', 'propertyNames', 'contains'];
const LISTS = ['prefixItems', 'anyOf', 'oneOf', 'allOf'];
const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer'];
const HANDLED = [...ANNOTATIONS, ...LOWER, ...UPPER, ...SCHEMAS, ...LISTS, '$ref', 'type', 'enum', 'const', 'required', 'properties'];

/** The changes from `older` to `newer` that break readers, in the order of the newer schema. Compares what the root reaches. */
export function findBreakingChanges(older: unknown, newer: unknown): BreakingChange[] {
  const sides: Sides = { older: older as Schema, newer: newer as Schema, found: [], done: new Set() };
  compare(sides, '', '');
  return sides.found;
}

function compare(sides: Sides, olderAt: string, newerAt: string): void {
  const older = follow(sides.older, olderAt);
  const newer = follow(sides.newer, newerAt);
  const pair = `${older.pointer} ${newer.pointer}`;
  if (sides.done.has(pair)) return;
  sides.done.add(pair);
  const [before, after] = [asNode(older.schema), asNode(newer.schema)];
  const tell = (keyword: string, effect: BreakingChange['effect']) => {
    const at = keyword in after || !(keyword in before) ? newer.pointer : older.pointer;
    sides.found.push({ pointer: `${at}/${escapeName(keyword)}`, keyword, effect });
  };
  compareSets('type', typesOf(before), typesOf(after), tell);
  compareSets('enum', choicesOf(before), choicesOf(after), tell);
  for (const keyword of LOWER) compareLimits(keyword, before[keyword], after[keyword], 1, tell);
  for (const keyword of UPPER) compareLimits(keyword, before[keyword], after[keyword], -1, tell);
  compareRequired(before, after, newer.pointer, older.pointer, sides.found);
  compareProperties(sides, { at: older.pointer, node: before }, { at: newer.pointer, node: after });
  for (const keyword of SCHEMAS) {
    const [was, is] = [before[keyword], after[keyword]];
    if (was !== undefined && is !== undefined) compare(sides, `${older.pointer}/${keyword}`, `${newer.pointer}/${keyword}`);
    else if (was !== undefined && was !== true) tell(keyword, 'widened');
    else if (is !== undefined && is !== true) tell(keyword, 'narrowed');
  }
  for (const keyword of LISTS) {
    compareLists(sides, keyword, { at: older.pointer, node: before }, { at: newer.pointer, node: after }, tell);
  }
  for (const keyword of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (HANDLED.includes(keyword) || same(before[keyword], after[keyword])) continue;
    tell(keyword, !(keyword in before) ? 'narrowed' : !(keyword in after) ? 'widened' : 'changed');
  }
}

type Tell = (keyword: string, effect: BreakingChange['effect']) => void;

interface Place {
  readonly at: string;
  readonly node: Node;
}

/** A set that is null holds everything. */
function compareSets(keyword: string, before: ReadonlySet<string> | null, after: ReadonlySet<string> | null, tell: Tell): void {
  const lost = after !== null && (before === null || [...before].some((one) => !after.has(one)));
  const won = before !== null && (after === null || [...after].some((one) => !before.has(one)));
  if (lost || won) tell(keyword, lost && won ? 'changed' : lost ? 'narrowed' : 'widened');
}

function compareLimits(keyword: string, was: unknown, is: unknown, sign: 1 | -1, tell: Tell): void {
  // No length below 0: a limit that says so says nothing.
  const none = keyword === 'minLength' || keyword === 'minItems' || keyword === 'minProperties' ? 0 : Number.NEGATIVE_INFINITY;
  const [before, after] = [was, is].map((limit) => (typeof limit === 'number' ? sign * limit : none)) as [number, number];
  if (after !== before) tell(keyword, after > before ? 'narrowed' : 'widened');
}

function compareRequired(before: Node, after: Node, newerAt: string, olderAt: string, found: BreakingChange[]): void {
  const [was, is] = [stringsOf(before['required']), stringsOf(after['required'])];
  for (const name of is) {
    if (!was.includes(name)) found.push({ pointer: `${newerAt}/required/${is.indexOf(name)}`, keyword: 'required', effect: 'narrowed' });
  }
  for (const name of was) {
    if (!is.includes(name)) found.push({ pointer: `${olderAt}/required/${was.indexOf(name)}`, keyword: 'required', effect: 'widened' });
  }
}

function compareProperties(sides: Sides, older: Place, newer: Place): void {
  const [was, is] = [older.node['properties'] ?? {}, newer.node['properties'] ?? {}] as [Node, Node];
  for (const name of Object.keys(is)) {
    const place = `/properties/${escapeName(name)}`;
    if (Object.hasOwn(was, name)) compare(sides, older.at + place, newer.at + place);
    else if (isClosed(older.node)) sides.found.push({ pointer: newer.at + place, keyword: 'properties', effect: 'widened' });
  }
  for (const name of Object.keys(was)) {
    if (Object.hasOwn(is, name) || !isClosed(newer.node)) continue;
    sides.found.push({ pointer: `${older.at}/properties/${escapeName(name)}`, keyword: 'properties', effect: 'narrowed' });
  }
}

/** Equal branches are paired wherever they stand; the rest pairs up in order. The order of `prefixItems` is a meaning. */
function compareLists(sides: Sides, keyword: string, older: Place, newer: Place, tell: Tell): void {
  const [was, is] = [older.node[keyword], newer.node[keyword]];
  if (!Array.isArray(was) || !Array.isArray(is)) {
    if (was !== is) tell(keyword, was === undefined ? 'narrowed' : 'widened');
    return;
  }
  if (was.length !== is.length) {
    tell(keyword, 'changed');
    return;
  }
  const fixed = keyword === 'prefixItems';
  const before = was.map((_, i) => i).filter((i) => fixed || !is.some((one) => same(one, was[i])));
  const after = is.map((_, i) => i).filter((i) => fixed || !was.some((one) => same(one, is[i])));
  if (before.length !== after.length) {
    tell(keyword, 'changed');
    return;
  }
  for (const [i, place] of after.entries()) compare(sides, `${older.at}/${keyword}/${before[i]}`, `${newer.at}/${keyword}/${place}`);
  if (fixed) return;
  for (const [i, branch] of is.entries()) {
    const twin = was.findIndex((one) => same(one, branch));
    if (twin !== -1) compare(sides, `${older.at}/${keyword}/${twin}`, `${newer.at}/${keyword}/${i}`);
  }
}

/** The schema at `pointer`, behind its references. A reference with keywords beside it is not written in our files, and refused. */
function follow(root: Schema, pointer: string): { schema: Schema; pointer: string } {
  let at = pointer;
  for (let hops = 0; hops < 100; hops++) {
    const schema = lookUp(root, at);
    const reference = typeof schema === 'object' ? schema['$ref'] : undefined;
    if (reference === undefined) return { schema, pointer: at };
    const beside = Object.keys(schema as Node).filter((keyword) => keyword !== '$ref' && !ANNOTATIONS.includes(keyword));
    if (typeof reference !== 'string' || !reference.startsWith('#') || beside.length > 0) throw new Error(`schema: reference at ${at}`);
    at = reference.slice(1);
  }
  throw new Error(`schema: references go in a circle at ${pointer}`);
}

function lookUp(root: Schema, pointer: string): Schema {
  let at: unknown = root;
  for (const token of pointer.split('/').slice(1)) at = (at as Node)[token.replaceAll('~1', '/').replaceAll('~0', '~')];
  if (typeof at !== 'boolean' && (typeof at !== 'object' || at === null)) throw new Error(`schema: nothing at ${pointer}`);
  return at as Schema;
}

function asNode(schema: Schema): Node {
  if (typeof schema === 'object') return schema;
  return schema ? {} : { not: {} };
}

/** Null for every type. An integer is a number. */
function typesOf({ type }: Node): Set<string> | null {
  if (type === undefined) return null;
  const types = new Set(typeof type === 'string' ? [type] : stringsOf(type));
  if (types.has('number')) types.add('integer');
  return TYPES.every((one) => types.has(one)) ? null : types;
}

function choicesOf(node: Node): Set<string> | null {
  const choices = 'const' in node ? [node['const']] : node['enum'];
  return Array.isArray(choices) ? new Set(choices.map(canonical)) : null;
}

function isClosed(node: Node): boolean {
  return (node['additionalProperties'] ?? node['unevaluatedProperties'] ?? true) !== true;
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function same(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

/** JSON with members in order and without annotations. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const members = Object.entries(value).filter(([name]) => !ANNOTATIONS.includes(name));
  return `{${members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`)}}`;
}

function escapeName(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

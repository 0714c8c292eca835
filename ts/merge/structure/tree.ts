/**
 * Values that can be taken apart: JSON in a text, plain data in the encoding of structured clones, and plain lists of a session document. Arrays and objects are
 * containers, everything else an atom. What would come back other than it was (numbers beyond a double, a member twice, shared objects) is not taken apart.
 */

import { PspError } from '../../errors.ts';
import { brandOf, isDense } from '../../session/clone/brand.ts';
import { decodeValue } from '../../session/clone/decode.ts';
import { encodeValue } from '../../session/clone/encode.ts';
import { parseJson } from '../../session/json.ts';
import type { EntryValue } from '../entry.ts';
import { textIn } from '../policy/text.ts';

/** How a value is written down: as JSON, as a structured clone, or as it is. */
export type TreeForm = 'json' | 'clone' | 'plain';

/** A value that was taken apart: arrays, plain objects and atoms. */
export interface Tree {
  readonly form: TreeForm;
  readonly root: unknown;
}

/** A part without parts of its own, and its bytes (`encodeValue`), which are what counts. */
export interface Atom {
  readonly part: unknown;
  readonly bytes: Uint8Array;
}

/** Arrays and objects inside each other. */
export const MAX_TREE_DEPTH = 100;

/** A value as a tree; null where it cannot be taken apart, an absent one included. O(size). */
export function treeOf(value: EntryValue | undefined): Tree | null {
  if (value instanceof Uint8Array) return cloneTree(value);
  const text = textIn(value);
  if (text !== null) return jsonTree(text);
  return Array.isArray(value) && isTree(value) ? { form: 'plain', root: value } : null;
}

/** The value that a tree stands for, in the form it came in. */
export function formatTree({ form, root }: Tree): EntryValue {
  if (form === 'json') return JSON.stringify(root);
  return form === 'clone' ? encodeValue(root).bytes : (root as EntryValue);
}

/** `part` with the members of its objects in the order that `model` has them in, where it has them; the rest behind, in their own order. */
export function arrangeMembers(part: unknown, model: unknown): unknown {
  if (isList(part)) return isList(model) ? part.map((item, i) => arrangeMembers(item, model[i])) : part;
  if (!isObject(part) || !isObject(model)) return part;
  const names = Object.keys(model).filter((name) => Object.hasOwn(part, name));
  const others = Object.keys(part).filter((name) => !Object.hasOwn(model, name));
  return Object.fromEntries([...names, ...others].map((name) => [name, arrangeMembers(part[name], model[name])]));
}

/** A part without parts of its own, with its bytes. */
export function atomOf(part: unknown): Atom {
  return { part, bytes: encodeValue(part).bytes };
}

/** The canonical bytes of a part of a tree as a string, one character a byte: equal parts, equal keys. */
export function keyOfPart(part: unknown): string {
  let key = '';
  for (const byte of encodeValue(part).bytes) key += String.fromCharCode(byte);
  return key;
}

/** A plain object. */
export function isObject(part: unknown): part is Readonly<Record<string, unknown>> {
  return typeof part === 'object' && part !== null && brandOf(part) === 'Object';
}

export function isList(part: unknown): part is readonly unknown[] {
  return Array.isArray(part);
}

function jsonTree(text: string): Tree | null {
  // UTF-8 has no bytes for a lone surrogate, and JSON text without escapes may hold one.
  if (/\p{Surrogate}/u.test(text)) return null;
  const { value, issues } = parseJson(new TextEncoder().encode(text), { maxDepth: MAX_TREE_DEPTH });
  // A member `__proto__` is data here as well.
  return issues.every(({ code }) => code === 'prototype-member') ? { form: 'json', root: value } : null;
}

function cloneTree(bytes: Uint8Array): Tree | null {
  try {
    const { value, unportable, foreign } = decodeValue(bytes);
    if (unportable.length > 0 || foreign.length > 0 || !isTree(value)) return null;
    // Throws TypeError for what must be awaited, such as a Blob.
    encodeValue(value);
    return { form: 'clone', root: value };
  } catch (error) {
    if (error instanceof TypeError || (error instanceof PspError && error.code.startsWith('SESSION_CLONE_'))) return null;
    throw error;
  }
}

/** Whether no container stands in two places, none is too deep, and no array has holes. */
function isTree(root: unknown): boolean {
  const seen = new Set<object>();
  const visit = (part: unknown, depth: number): boolean => {
    if (typeof part !== 'object' || part === null) return true;
    if (depth > MAX_TREE_DEPTH || seen.has(part)) return false;
    seen.add(part);
    if (Array.isArray(part)) return isDense(part, Object.keys(part)) && part.every((item) => visit(item, depth + 1));
    return !isObject(part) || Object.values(part).every((member) => visit(member, depth + 1));
  };
  return visit(root, 0);
}

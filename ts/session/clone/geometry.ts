/**
 * DOM geometry (tag `1c`): points, rectangles, quads and matrices, read-only and not. Each is its class and its numbers. A matrix that is 2D has six,
 * as in HTML's structured clone, which drops what a 2D matrix cannot have (a `-0` among the rest).
 */
import { type Slot, slotOf } from './brand.ts';
import { ForeignValue } from './foreign.ts';
import { type Reading, remember, standIn, type Writing } from './state.ts';
import { GEOMETRY_CLASSES, TAG } from './tags.ts';

const slotsOf = (className: string, members: readonly string[]): Slot<number>[] => members.map((member) => slotOf(className, member));

const POINT = slotsOf('DOMPointReadOnly', ['x', 'y', 'z', 'w']);
const RECT = slotsOf('DOMRectReadOnly', ['x', 'y', 'width', 'height']);
const CORNERS: readonly Slot<object>[] = ['p1', 'p2', 'p3', 'p4'].map((corner) => slotOf<object>('DOMQuad', corner));
const MATRIX_2D = slotsOf('DOMMatrixReadOnly', ['m11', 'm12', 'm21', 'm22', 'm41', 'm42']);
const MATRIX_3D = slotsOf(
  'DOMMatrixReadOnly',
  [1, 2, 3, 4].flatMap((column) => [1, 2, 3, 4].map((row) => `m${column}${row}`)),
);
const is2D = slotOf<boolean>('DOMMatrixReadOnly', 'is2D');

/** Whether `name` is a class of DOM geometry. */
export function isGeometry(name: string): boolean {
  return (GEOMETRY_CLASSES as readonly string[]).includes(name);
}

/** Writes an object of DOM geometry, or its stand-in. */
export function writeGeometry(value: object, className: string, { writer }: Writing): null {
  const numbers = value instanceof ForeignValue ? (value.fields['numbers'] as readonly number[]) : numbersOf(value, className);
  writer.byte(TAG.geometry);
  writer.byte((GEOMETRY_CLASSES as readonly string[]).indexOf(className));
  if (isMatrix(className)) writer.byte(numbers.length);
  for (const number of numbers) writer.double(number);
  return null;
}

function isMatrix(className: string): boolean {
  return className.startsWith('DOMMatrix');
}

function numbersOf(value: object, className: string): number[] {
  const read = (from: object, slots: readonly Slot<number>[]): number[] => slots.map((slot) => slot.call(from));
  if (className === 'DOMQuad') return CORNERS.flatMap((corner) => read(corner.call(value), POINT));
  if (isMatrix(className)) return read(value, is2D.call(value) ? MATRIX_2D : MATRIX_3D);
  return read(value, className.startsWith('DOMPoint') ? POINT : RECT);
}

type Geometry = new (...args: readonly unknown[]) => object;

/** Reads what follows the tag of an object of DOM geometry. */
export function readGeometry(reading: Reading): object {
  const { reader } = reading;
  const className = GEOMETRY_CLASSES[reader.byte()];
  if (className === undefined) throw reader.fault('an unknown class of DOM geometry');
  const count = isMatrix(className) ? reader.byte() : className === 'DOMQuad' ? 16 : 4;
  if (isMatrix(className) && count !== 6 && count !== 16) throw reader.fault('a matrix of neither 6 nor 16 numbers');
  const numbers: number[] = [];
  while (numbers.length < count) numbers.push(reader.double());
  const Class = (globalThis as unknown as Record<string, Geometry | undefined>)[className];
  return remember(reading, Class === undefined ? standIn(reading, className, { numbers }) : make(Class, className, numbers));
}

function make(Class: Geometry, className: string, numbers: readonly number[]): object {
  if (isMatrix(className)) return new Class(numbers);
  if (className !== 'DOMQuad') return new Class(...numbers);
  return new Class(...[0, 4, 8, 12].map((at) => ({ x: numbers[at], y: numbers[at + 1], z: numbers[at + 2], w: numbers[at + 3] })));
}

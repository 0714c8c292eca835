/**
 * localStorage and sessionStorage of the document this runs in. Goes by index through the prototype's own methods: enumerating the object
 * misses keys such as `length` and `key`, which the prototype's names hide.
 */

export type Area = 'localStorage' | 'sessionStorage';

/** All items in the area's own order. */
export function readStorage(area: Area): [string, string][] {
  const storage = globalThis[area];
  const items: [string, string][] = [];
  const count = storage.length;
  for (let i = 0; i < count; i++) {
    const name = Storage.prototype.key.call(storage, i) as string | null;
    if (name === null) break;
    items.push([name, Storage.prototype.getItem.call(storage, name) ?? '']);
  }
  return items;
}

/** Replaces what the area holds. Returns the indexes of the items that it refused (a full quota). */
export function writeStorage(area: Area, items: readonly (readonly [string, string])[]): number[] {
  const storage = globalThis[area];
  Storage.prototype.clear.call(storage);
  const refused: number[] = [];
  items.forEach(([name, value], index) => {
    try {
      Storage.prototype.setItem.call(storage, name, value);
    } catch {
      refused.push(index);
    }
  });
  return refused;
}

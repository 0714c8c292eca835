/**
 * localStorage and sessionStorage of the document this runs in. Goes by index through the prototype's own methods: enumerating the object
 * misses keys such as `length` and `key`, which the prototype's names hide.
 */

export type Area = 'localStorage' | 'sessionStorage';

/** Taken when this is loaded: in the page itself, what its scripts replace later changes nothing here. */
const OWN = {
  localStorage: Object.getOwnPropertyDescriptor(globalThis, 'localStorage'),
  sessionStorage: Object.getOwnPropertyDescriptor(globalThis, 'sessionStorage'),
  methods: Object.getOwnPropertyDescriptors(globalThis.Storage?.prototype ?? {}),
};

function areaOf(area: Area): Storage {
  return OWN[area]?.get?.call(globalThis) ?? globalThis[area];
}

/** All items in the area's own order. */
export function readStorage(area: Area): [string, string][] {
  const storage = areaOf(area);
  const { key, getItem, length } = OWN.methods;
  const items: [string, string][] = [];
  const count = length?.get?.call(storage) as number;
  for (let i = 0; i < count; i++) {
    const name = key?.value?.call(storage, i) as string | null;
    if (name === null) break;
    items.push([name, getItem?.value?.call(storage, name) ?? '']);
  }
  return items;
}

/** Replaces what the area holds, or adds to it. Returns the indexes of the items that it refused (a full quota), and what it holds then. */
export function writeStorage(
  area: Area,
  items: readonly (readonly [string, string])[],
  isAdded: boolean,
): { refused: number[]; found: [string, string][] } {
  const storage = areaOf(area);
  const { clear, setItem } = OWN.methods;
  if (!isAdded) clear?.value?.call(storage);
  const refused: number[] = [];
  items.forEach(([name, value], index) => {
    try {
      setItem?.value?.call(storage, name, value);
    } catch {
      refused.push(index);
    }
  });
  return { refused, found: readStorage(area) };
}

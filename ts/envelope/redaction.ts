/**
 * What holds a secret shows its name only. Private fields keep the bytes from JSON, spreads and structured clones by themselves; what is
 * left is `util.inspect`, which Node, Deno and Bun call for `console.log` and for the causes of errors.
 */

/** Makes `util.inspect` show what `toString` gives, for every object of `prototype`. */
export function inspectAsText(prototype: { toString(): string }): void {
  // Defined here and not as a method: a computed name cannot stand in a class whose declarations are made file by file, and a registered
  // symbol needs no import of `node:util`.
  Object.defineProperty(prototype, Symbol.for('nodejs.util.inspect.custom'), {
    value(this: { toString(): string }): string {
      return this.toString();
    },
  });
}

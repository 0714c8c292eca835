/** What stands in a decoded value where something could not be carried. Encoding it again gives the same placeholder. */

/** Class names longer than this are cut: a page may choose them. */
export const MAX_CLASS_NAME_UNITS = 64;

/** Stands where a value could not be carried. */
export class Unportable {
  readonly className: string;
  constructor(className: string) {
    this.className = className;
  }
}

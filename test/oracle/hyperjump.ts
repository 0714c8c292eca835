/**
 * @hyperjump/json-schema as an independent judge of the published schemas, described by the least we need: its own types do not compile under our
 * settings. Tests only.
 */
import { readFileSync } from 'node:fs';

interface Hyperjump {
  registerSchema(schema: object, id: string, dialect: string): void;
  unregisterSchema(id: string): void;
  validate(id: string): Promise<(value: unknown) => { readonly valid: boolean }>;
}

/** Whether a document is valid by the schema of its version. */
export interface Judge {
  header(document: unknown): boolean;
  state(document: unknown): boolean;
}

/** A judge for `schema/session-<version>.json`. May be asked for by several files of one process. */
export async function loadJudge(version: string): Promise<Judge> {
  const name: string = '@hyperjump/json-schema/draft-2020-12';
  const { registerSchema, unregisterSchema, validate } = (await import(name)) as Hyperjump;
  const file = new URL(`../../schema/session-${version}.json`, import.meta.url);
  const { $id: _, ...schema } = JSON.parse(readFileSync(file, 'utf8')) as { $id: string };
  // Its own id is a URN, which this validator does not take.
  const id = `https://psp.invalid/schema/${version}`;
  registerSchema(schema, id, 'https://json-schema.org/draft/2020-12/schema');
  const [header, state] = [await validate(`${id}#/$defs/header`), await validate(`${id}#/$defs/state`)];
  unregisterSchema(id);
  return { header: (document) => header(document).valid, state: (document) => state(document).valid };
}

/**
 * Maps of other packages for the bench `merge`: a map that everybody began with, overwritten whole by each replica, and the updates of all of them merged into
 * one object. Each is driven in the quickest of the ways that its documentation names. Packages that are not installed are left out.
 */
import { createRequire } from 'node:module';

/** One package. */
export interface MapPeer {
  readonly name: string;
  /** Merging takes many seconds: left out of a quick look. */
  readonly slow?: boolean;
  /** Makes the updates, which is not measured. What it gives merges them, and gives what is shown. */
  prepare(base: Items, changed: readonly Items[]): () => Items;
}

/** The map's content. */
export type Items = Readonly<Record<string, string>>;

const LOADERS: readonly ((require: NodeJS.Require) => MapPeer)[] = [loadYjs, loadYwasm, loadLoro, loadJsonJoy, loadAutomerge];

/** The peers that are installed. */
export function loadMapPeers(): MapPeer[] {
  const require = createRequire(import.meta.url);
  return LOADERS.flatMap((load) => {
    try {
      return [load(require)];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return [];
      throw error;
    }
  });
}

function loadYjs(require: NodeJS.Require): MapPeer {
  const Y = require('yjs') as typeof import('yjs');
  function write(doc: InstanceType<typeof Y.Doc>, items: Items): void {
    const map = doc.getMap('map');
    doc.transact(() => {
      for (const [name, value] of Object.entries(items)) map.set(name, value);
    });
  }
  return {
    name: 'yjs',
    prepare(base, changed) {
      const first = new Y.Doc();
      first.clientID = 1;
      write(first, base);
      const document = Y.encodeStateAsUpdate(first);
      const version = Y.encodeStateVector(first);
      const updates = changed.map((items, replica) => {
        const doc = new Y.Doc();
        doc.clientID = replica + 2;
        Y.applyUpdate(doc, document);
        write(doc, items);
        return Y.encodeStateAsUpdate(doc, version);
      });
      return () => {
        const doc = new Y.Doc();
        doc.transact(() => {
          Y.applyUpdate(doc, document);
          for (const update of updates) Y.applyUpdate(doc, update);
        });
        return doc.getMap('map').toJSON() as Items;
      };
    },
  };
}

function loadYwasm(require: NodeJS.Require): MapPeer {
  const Y = require('ywasm') as typeof import('ywasm');
  type Document = InstanceType<typeof Y.YDoc>;
  const none = undefined as never;
  function write(doc: Document, items: Items): void {
    const map = doc.getMap('map');
    const transaction = doc.beginTransaction(none);
    for (const [name, value] of Object.entries(items)) map.set(name, value, transaction);
    transaction.commit();
    transaction.free();
  }
  return {
    name: 'ywasm',
    prepare(base, changed) {
      const first = new Y.YDoc({ clientID: 1 } as never);
      write(first, base);
      const document = Y.encodeStateAsUpdate(first, none);
      const version = Y.encodeStateVector(first);
      first.free();
      const updates = changed.map((items, replica) => {
        const doc = new Y.YDoc({ clientID: replica + 2 } as never);
        Y.applyUpdate(doc, document, none);
        write(doc, items);
        const update = Y.encodeStateAsUpdate(doc, version);
        doc.free();
        return update;
      });
      return () => {
        const doc = new Y.YDoc({ clientID: 1000 } as never);
        Y.applyUpdate(doc, document, none);
        for (const update of updates) Y.applyUpdate(doc, update, none);
        const shown = doc.getMap('map').toJson(none) as Items;
        doc.free();
        return shown;
      };
    },
  };
}

function loadLoro(require: NodeJS.Require): MapPeer {
  const { LoroDoc } = require('loro-crdt') as typeof import('loro-crdt');
  function write(doc: InstanceType<typeof LoroDoc>, items: Items): void {
    const map = doc.getMap('map');
    for (const [name, value] of Object.entries(items)) map.set(name, value);
    doc.commit();
  }
  return {
    name: 'loro-crdt',
    prepare(base, changed) {
      const first = new LoroDoc();
      first.setPeerId(1n);
      write(first, base);
      const document = first.export({ mode: 'snapshot' });
      const from = first.version();
      const updates = changed.map((items, replica) => {
        const doc = new LoroDoc();
        doc.setPeerId(BigInt(replica + 2));
        doc.import(document);
        write(doc, items);
        const update = doc.export({ mode: 'update', from });
        doc.free();
        return update;
      });
      return () => {
        const doc = new LoroDoc();
        doc.importBatch([document, ...updates]);
        const shown = doc.getMap('map').toJSON() as Items;
        doc.free();
        return shown;
      };
    },
  };
}

/** The part of json-joy that is used. Its own declarations do not agree with TypeScript 7. */
interface JsonJoyModel {
  readonly api: { set(value: unknown): unknown; flush(): JsonJoyPatch; obj(path: readonly string[]): { set(items: Items): void } };
  applyBatch(patches: readonly JsonJoyPatch[]): void;
  view(): unknown;
  toBinary(): Uint8Array;
}

interface JsonJoyPatch {
  toBinary(): Uint8Array;
}

function loadJsonJoy(require: NodeJS.Require): MapPeer {
  // Its session ids have to be above a reserved range.
  const FIRST_SESSION = 100_000;
  const { Model } = require('json-joy/lib/json-crdt') as {
    readonly Model: { create(schema: undefined, session: number): JsonJoyModel; load(bytes: Uint8Array, session: number): JsonJoyModel };
  };
  const { Patch } = require('json-joy/lib/json-crdt-patch') as { readonly Patch: { fromBinary(bytes: Uint8Array): JsonJoyPatch } };
  return {
    name: 'json-joy',
    prepare(base, changed) {
      const first = Model.create(undefined, FIRST_SESSION);
      first.api.set(base);
      first.api.flush();
      const document = first.toBinary();
      const updates = changed.map((items, replica) => {
        const model = Model.load(document, FIRST_SESSION + replica + 1);
        model.api.obj([]).set(items);
        return model.api.flush().toBinary();
      });
      return () => {
        const model = Model.load(document, FIRST_SESSION + changed.length + 1);
        model.applyBatch(updates.map((update) => Patch.fromBinary(update)));
        return model.view() as Items;
      };
    },
  };
}

function loadAutomerge(require: NodeJS.Require): MapPeer {
  const Automerge = require('@automerge/automerge') as typeof import('@automerge/automerge');
  type Content = Record<string, string>;
  const actorOf = (replica: number): string => (replica + 1).toString(16).padStart(8, '0');
  return {
    name: '@automerge/automerge',
    slow: true,
    prepare(base, changed) {
      const document = Automerge.save(Automerge.from<Content>({ ...base }, actorOf(0)));
      const updates = changed.map((items, replica) => {
        const doc = Automerge.load<Content>(document, actorOf(replica + 1));
        const since = Automerge.getHeads(doc);
        const next = Automerge.change(doc, (draft) => {
          for (const [name, value] of Object.entries(items)) draft[name] = value;
        });
        const update = Automerge.saveSince(next, since);
        Automerge.free(next);
        return update;
      });
      return () => {
        let doc = Automerge.load<Content>(document);
        for (const update of updates) doc = Automerge.loadIncremental(doc, update);
        const shown = Automerge.toJS(doc);
        Automerge.free(doc);
        return shown;
      };
    },
  };
}

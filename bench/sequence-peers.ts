/**
 * Other people's replicated texts behind one interface, each driven the way that its documentation recommends. A document is made for one replica;
 * updates are those that the package itself sends to others. Packages that are not installed are left out.
 */
import { createRequire } from 'node:module';

/** What is removed at an index, and what is put there. */
export type TextEdit = readonly [index: number, removed: number, inserted: string];

/** One replica of one text. */
export interface PeerText {
  /** One change by itself, as when somebody types. */
  edit(edit: TextEdit): void;
  /** Many at once, in one transaction where the package has those. */
  editAll(edits: readonly TextEdit[]): void;
  /** What was changed here since the last call, for others; asked for after each change or after many. `watch` has to be called first. */
  takeUpdate(): unknown;
  /** Begins to remember changes for `takeUpdate`. */
  watch(): void;
  apply(update: unknown): void;
  text(): string;
  /** The whole document in the package's most compact format. */
  encode(): Uint8Array;
  free?(): void;
}

/** One package. */
export interface Peer {
  readonly name: string;
  /** A transaction for many edits is slower than one for each (yjs), or there is none. */
  readonly batchesEdits: boolean;
  /** What `takeUpdate` gives is not bytes but objects, which have still to be written as JSON or the like. */
  readonly updatesAreObjects?: true;
  create(replica: number): PeerText;
  /** A new replica with the text of another one. */
  load(document: Uint8Array, replica: number): PeerText;
}

type Load = (require: NodeJS.Require) => Peer;

const LOADERS: Readonly<Record<string, Load>> = {
  yjs: loadYjs,
  ywasm: loadYwasm,
  'loro-crdt': loadLoro,
  'json-joy': loadJsonJoy,
  'diamond-types-node': loadDiamondTypes,
  '@automerge/automerge': loadAutomerge,
  'list-positions': loadListPositions,
};

/** The peers that are installed, by the names of their packages. */
export function loadPeers(): Peer[] {
  const require = createRequire(import.meta.url);
  return Object.values(LOADERS).flatMap((load) => {
    try {
      return [load(require)];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return [];
      throw error;
    }
  });
}

function loadYjs(require: NodeJS.Require): Peer {
  const Y = require('yjs') as typeof import('yjs');
  function open(replica: number, document?: Uint8Array): PeerText {
    const doc = new Y.Doc();
    doc.clientID = replica + 1;
    const text = doc.getText('text');
    if (document !== undefined) Y.applyUpdateV2(doc, document);
    let updates: Uint8Array[] = [];
    return {
      edit([index, removed, inserted]) {
        doc.transact(() => {
          if (removed > 0) text.delete(index, removed);
          if (inserted !== '') text.insert(index, inserted);
        });
      },
      editAll(edits) {
        for (const edit of edits) this.edit(edit);
      },
      watch: () => doc.on('update', (update: Uint8Array) => updates.push(update)),
      takeUpdate() {
        const update = updates.length === 1 ? updates[0] : Y.mergeUpdates(updates);
        updates = [];
        return update;
      },
      apply: (update) => Y.applyUpdate(doc, update as Uint8Array),
      text: () => text.toString(),
      encode: () => Y.encodeStateAsUpdateV2(doc),
    };
  }
  return { name: 'yjs', batchesEdits: false, create: (replica) => open(replica), load: (document, replica) => open(replica, document) };
}

function loadYwasm(require: NodeJS.Require): Peer {
  const Y = require('ywasm') as typeof import('ywasm');
  function open(replica: number, document?: Uint8Array): PeerText {
    const doc = new Y.YDoc({ clientID: replica + 1 } as never);
    const text = doc.getText('text');
    if (document !== undefined) Y.applyUpdateV2(doc, document, undefined as never);
    let isWatched = false;
    let update: Uint8Array | null = null;
    function change(edits: readonly TextEdit[]): void {
      const transaction = doc.beginTransaction(undefined as never);
      for (const [index, removed, inserted] of edits) {
        if (removed > 0) text.delete(index, removed, transaction);
        if (inserted !== '') text.insert(index, inserted, undefined as never, transaction);
      }
      if (isWatched) update = transaction.encodeUpdate();
      transaction.commit();
      transaction.free();
    }
    return {
      edit: (edit) => change([edit]),
      editAll: change,
      watch() {
        isWatched = true;
      },
      takeUpdate: () => update,
      apply: (update) => Y.applyUpdate(doc, update as Uint8Array, undefined as never),
      text: () => text.toString(undefined as never),
      encode: () => Y.encodeStateAsUpdateV2(doc, undefined as never),
      free: () => doc.free(),
    };
  }
  return { name: 'ywasm', batchesEdits: true, create: (replica) => open(replica), load: (document, replica) => open(replica, document) };
}

function loadLoro(require: NodeJS.Require): Peer {
  const { LoroDoc } = require('loro-crdt') as typeof import('loro-crdt');
  function open(replica: number, document?: Uint8Array): PeerText {
    const doc = new LoroDoc();
    if (document !== undefined) doc.import(document);
    doc.setPeerId(BigInt(replica + 1));
    const text = doc.getText('text');
    let since = doc.version();
    function change([index, removed, inserted]: TextEdit): void {
      if (removed > 0) text.delete(index, removed);
      if (inserted !== '') text.insert(index, inserted);
    }
    return {
      edit(edit) {
        change(edit);
        doc.commit();
      },
      editAll(edits) {
        for (const edit of edits) change(edit);
        doc.commit();
      },
      watch() {
        since = doc.version();
      },
      takeUpdate() {
        const update = doc.export({ mode: 'update', from: since });
        since = doc.version();
        return update;
      },
      apply: (update) => doc.import(update as Uint8Array),
      text: () => text.toString(),
      encode: () => doc.export({ mode: 'snapshot' }),
      free: () => doc.free(),
    };
  }
  return {
    name: 'loro-crdt',
    batchesEdits: true,
    create: (replica) => open(replica),
    load: (document, replica) => open(replica, document),
  };
}

/** The part of json-joy that is used. Its own declarations do not agree with TypeScript 7. */
interface JsonJoyPatch {
  toBinary(): Uint8Array;
}

interface JsonJoyModel {
  readonly api: {
    set(value: unknown): unknown;
    flush(): JsonJoyPatch;
    str(path: readonly string[]): { ins(index: number, text: string): void; del(index: number, length: number): void };
  };
  applyPatch(patch: JsonJoyPatch): void;
  view(): unknown;
  toBinary(): Uint8Array;
}

interface JsonJoyModels {
  create(schema: undefined, session: number): JsonJoyModel;
  load(bytes: Uint8Array, session: number): JsonJoyModel;
}

function loadJsonJoy(require: NodeJS.Require): Peer {
  // Its session ids have to be above a reserved range.
  const FIRST_SESSION = 100_000;
  const { Model } = require('json-joy/lib/json-crdt') as { readonly Model: JsonJoyModels };
  const { Patch } = require('json-joy/lib/json-crdt-patch') as { readonly Patch: { fromBinary(bytes: Uint8Array): JsonJoyPatch } };
  const empty = Model.create(undefined, FIRST_SESSION - 1);
  empty.api.set('');
  empty.api.flush();
  const emptyDocument = empty.toBinary();
  function open(replica: number, document: Uint8Array): PeerText {
    const model = Model.load(document, FIRST_SESSION + replica);
    const text = model.api.str([]);
    function change([index, removed, inserted]: TextEdit): void {
      if (removed > 0) text.del(index, removed);
      if (inserted !== '') text.ins(index, inserted);
    }
    let isWatched = false;
    let patch: Uint8Array | null = null;
    function flush(): void {
      const made = model.api.flush();
      if (isWatched) patch = made.toBinary();
    }
    return {
      edit(edit) {
        change(edit);
        flush();
      },
      editAll(edits) {
        for (const edit of edits) change(edit);
        flush();
      },
      watch() {
        isWatched = true;
      },
      takeUpdate: () => patch,
      apply: (update) => model.applyPatch(Patch.fromBinary(update as Uint8Array)),
      text: () => String(model.view()),
      encode: () => model.toBinary(),
    };
  }
  return {
    name: 'json-joy',
    batchesEdits: true,
    create: (replica) => open(replica, emptyDocument),
    load: (document, replica) => open(replica, document),
  };
}

function loadDiamondTypes(require: NodeJS.Require): Peer {
  const { Doc } = require('diamond-types-node') as typeof import('diamond-types-node');
  type Document = InstanceType<typeof Doc>;
  function open(doc: Document): PeerText {
    let since = doc.getLocalVersion();
    function change([index, removed, inserted]: TextEdit): void {
      if (removed > 0) doc.del(index, removed);
      if (inserted !== '') doc.ins(index, inserted);
    }
    return {
      edit: change,
      editAll: (edits) => edits.forEach(change),
      watch() {
        since = doc.getLocalVersion();
      },
      takeUpdate() {
        const update = doc.getPatchSince(since);
        since = doc.getLocalVersion();
        return update;
      },
      apply: (update) => void doc.mergeBytes(update as Uint8Array),
      text: () => doc.get(),
      encode: () => doc.toBytes(),
      free: () => doc.free(),
    };
  }
  const nameOf = (replica: number): string => `replica-${replica}`;
  return {
    name: 'diamond-types-node',
    batchesEdits: false,
    create: (replica) => open(new Doc(nameOf(replica))),
    load: (document, replica) => open(Doc.fromBytes(document, nameOf(replica))),
  };
}

function loadAutomerge(require: NodeJS.Require): Peer {
  const Automerge = require('@automerge/automerge') as typeof import('@automerge/automerge');
  interface Content {
    text: string;
  }
  const actorOf = (replica: number): string => (replica + 1).toString(16).padStart(8, '0');
  const emptyDocument = Automerge.save(Automerge.from({ text: '' }, '00'));
  function open(replica: number, document: Uint8Array): PeerText {
    let doc = Automerge.load<Content>(document, actorOf(replica));
    function change(edits: readonly TextEdit[]): void {
      doc = Automerge.change(doc, (draft) => {
        for (const [index, removed, inserted] of edits) Automerge.splice(draft, ['text'], index, removed, inserted);
      });
    }
    let since = Automerge.getHeads(doc);
    return {
      edit: (edit) => change([edit]),
      editAll: change,
      watch() {
        since = Automerge.getHeads(doc);
      },
      takeUpdate() {
        const update = Automerge.saveSince(doc, since);
        since = Automerge.getHeads(doc);
        return update;
      },
      apply(update) {
        doc = Automerge.loadIncremental(doc, update as Uint8Array);
      },
      text: () => doc.text,
      encode: () => Automerge.save(doc),
      free: () => Automerge.free(doc),
    };
  }
  return {
    name: '@automerge/automerge',
    batchesEdits: true,
    create: (replica) => open(replica, emptyDocument),
    load: (document, replica) => open(replica, document),
  };
}

function loadListPositions(require: NodeJS.Require): Peer {
  const { Order, Text } = require('list-positions') as typeof import('list-positions');
  type Position = ReturnType<InstanceType<typeof Text>['positionAt']>;
  type Meta = NonNullable<ReturnType<InstanceType<typeof Text>['insertAt']>[1]>;
  type Change = { readonly meta: Meta | null; readonly position: Position; readonly inserted: string | null };
  function open(replica: number, document?: Uint8Array): PeerText {
    const order = new Order({ replicaID: `replica-${replica}` });
    const text = new Text(order);
    if (document !== undefined) {
      const saved = JSON.parse(new TextDecoder().decode(document)) as { order: never; text: never };
      order.load(saved.order);
      text.load(saved.text);
    }
    let changes: Change[] | null = null;
    function change([index, removed, inserted]: TextEdit): void {
      for (let left = removed; left > 0; left--) {
        const position = text.positionAt(index);
        text.delete(position);
        changes?.push({ meta: null, position, inserted: null });
      }
      if (inserted === '') return;
      const [position, meta] = text.insertAt(index, inserted);
      changes?.push({ meta, position, inserted });
    }
    return {
      edit: change,
      editAll: (edits) => edits.forEach(change),
      watch() {
        changes = [];
      },
      takeUpdate() {
        const update = changes;
        changes = [];
        return update;
      },
      apply(update) {
        for (const { meta, position, inserted } of update as Change[]) {
          if (meta !== null) order.addMetas([meta]);
          if (inserted === null) text.delete(position);
          else text.set(position, inserted);
        }
      },
      text: () => text.toString(),
      encode: () => new TextEncoder().encode(JSON.stringify({ order: order.save(), text: text.save() })),
    };
  }
  return {
    name: 'list-positions',
    batchesEdits: false,
    updatesAreObjects: true,
    create: (replica) => open(replica),
    load: (document, replica) => open(replica, document),
  };
}

// Memory over LMDB: values are captured at one moment and written out while they go on changing;
// what was not used lately leaves memory and comes back as it was.

import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { processMemory } from '../../src/pumps/collect-garbage.js';
import { type Codec, type Kept, kept } from '../../src/state/kept.js';
import {
  type Capture,
  openStore,
  openValue,
  type Reader,
  type Store,
  sealValue,
  type Table,
} from '../../src/state/store.js';

interface Tally extends Kept {
  count: number;
}

const tallyCodec: Codec<Tally> = {
  prefix: 't',
  encode: ({ count }) => [count],
  decode: (key, [count]: [number]) => ({ key, ...kept(), count }),
};

/** Where a commit goes, and where values are read from. */
function openShelf() {
  const stored = new Map<string, Buffer>();
  const reader: Reader = {
    get: (key) => stored.get(key.toString('latin1')),
    range: (prefix) =>
      [...stored].flatMap(([key, value]) =>
        key.startsWith(prefix) ? [{ key: Buffer.from(key, 'latin1').toString(), value }] : [],
      ),
  };
  const commit = (capture: Capture) => {
    while (!capture.step());
    for (const { key, value } of capture.values) stored.set(key.toString('latin1'), value);
  };
  return { reader, commit, stored };
}

function openTally(reader: Reader): { store: Store; table: Table<Tally> } {
  const store = openStore(reader);
  return { store, table: store.table(tallyCodec) };
}

function sweep(store: Store, keep: number): void {
  for (const _ of store.sweep(keep));
}

function add(table: Table<Tally>, key: string, count: number): void {
  const value = table.get(key);
  if (value === undefined) table.add({ key, ...kept(), count });
  else {
    table.touch(value);
    value.count += count;
  }
}

function stateOf(reader: Reader): Record<string, number> {
  const { table } = openTally(reader);
  return Object.fromEntries(table.loadAll().map(({ key, count }) => [key, count]));
}

test('a capture holds every value as it was, however it changes while it is written out', () => {
  const change = fc.record({ key: fc.nat({ max: 200 }), count: fc.integer({ min: 1, max: 9 }) });
  const changes = fc.array(change, { maxLength: 150 });
  fc.assert(
    fc.property(fc.array(fc.tuple(changes, changes), { maxLength: 5 }), (rounds) => {
      const shelf = openShelf();
      const { store, table } = openTally(shelf.reader);
      const model = new Map<string, number>();
      const apply = ({ key, count }: { key: number; count: number }) => {
        add(table, `t${key}`, count);
        model.set(`t${key}`, (model.get(`t${key}`) ?? 0) + count);
      };
      for (const [before, during] of rounds) {
        before.forEach(apply);
        const captured = new Map(model);
        const capture = store.capture();
        // One step, some changes, the next step: values are taken as they were or just in time.
        let whole = false;
        for (const [index, each] of during.entries()) {
          if (index % 3 === 0) whole = capture.step() || whole;
          apply(each);
        }
        shelf.commit(capture);
        expect(stateOf(shelf.reader)).toEqual(Object.fromEntries(captured));
        sweep(store, 20);
      }
      for (const [key, count] of model) expect(table.get(key)?.count).toBe(count);
      shelf.commit(store.capture());
      expect(stateOf(shelf.reader)).toEqual(Object.fromEntries(model));
      expect(store.dirtyValues()).toBe(0);
    }),
  );
});

test('a value is captured once, and not at all while it does not change', () => {
  const shelf = openShelf();
  const { store, table } = openTally(shelf.reader);
  for (let i = 0; i < 300; i++) add(table, `t${i}`, 1);
  const first = store.capture();
  shelf.commit(first);
  expect(first.values).toHaveLength(300);
  const second = store.capture();
  shelf.commit(second);
  expect(second.values).toHaveLength(0);
  add(table, 't7', 1);
  add(table, 't7', 1);
  const third = store.capture();
  shelf.commit(third);
  expect(third.values).toHaveLength(1);
});

describe('a sweep', () => {
  test('takes what was not used since the last one, down to what may stay', () => {
    const shelf = openShelf();
    const { store, table } = openTally(shelf.reader);
    for (let i = 0; i < 100; i++) add(table, `t${i}`, i);
    shelf.commit(store.capture());
    sweep(store, 10);
    expect(store.residentValues()).toBe(100);
    for (let i = 0; i < 5; i++) table.get(`t${i}`);
    sweep(store, 10);
    expect(store.residentValues()).toBe(10);
    for (let i = 0; i < 5; i++) expect(shelf.stored.has(`t${i}`)).toBe(true);
    expect([...table.resident()].map(({ key }) => key)).toEqual(
      expect.arrayContaining(['t0', 't1', 't2', 't3', 't4']),
    );
    for (let i = 0; i < 100; i++) expect(table.get(`t${i}`)?.count).toBe(i);
  });

  test('leaves what has changed and is not written out', () => {
    const shelf = openShelf();
    const { store, table } = openTally(shelf.reader);
    for (let i = 0; i < 50; i++) add(table, `t${i}`, i);
    sweep(store, 0);
    sweep(store, 0);
    expect(store.residentValues()).toBe(50);
    shelf.commit(store.capture());
    sweep(store, 0);
    sweep(store, 0);
    expect(store.residentValues()).toBe(0);
  });

  test('takes of each table its part, and says so to whoever remembers values', () => {
    const shelf = openShelf();
    const { store, table } = openTally(shelf.reader);
    const other = store.table<Tally>({ ...tallyCodec, prefix: 'x' });
    for (let i = 0; i < 90; i++) add(table, `t${i}`, i);
    for (let i = 0; i < 10; i++) add(other, `x${i}`, i);
    shelf.commit(store.capture());
    let told = 0;
    store.whenSwept(() => told++);
    sweep(store, 50);
    expect(told).toBe(0);
    sweep(store, 50);
    expect(told).toBe(1);
    expect([[...table.resident()].length, [...other.resident()].length]).toEqual([45, 5]);
  });

  test('rests between its steps; what is used and changed meanwhile stays right', () => {
    const shelf = openShelf();
    const { store, table } = openTally(shelf.reader);
    for (let i = 0; i < 1000; i++) add(table, `t${i}`, i);
    shelf.commit(store.capture());
    sweep(store, 0);
    const steps = store.sweep(0);
    expect(steps.next().done).toBe(false);
    expect(steps.next().done).toBe(false);
    expect(store.residentValues()).toBeLessThan(1000);
    add(table, 't0', 7);
    add(table, 't999', 7);
    table.get('t500');
    for (const _ of steps);
    expect([...table.resident()].map(({ key }) => key).sort()).toEqual(['t0', 't500', 't999']);
    shelf.commit(store.capture());
    for (let i = 1; i < 999; i++) expect(table.get(`t${i}`)?.count).toBe(i);
    expect([table.get('t0')?.count, table.get('t999')?.count]).toEqual([7, 1006]);
  });

  test('tells whoever holds a value that it left', () => {
    const shelf = openShelf();
    const { store, table } = openTally(shelf.reader);
    add(table, 't1', 5);
    const held = table.get('t1');
    shelf.commit(store.capture());
    sweep(store, 0);
    expect(held?.live).toBe(true);
    sweep(store, 0);
    expect(held?.live).toBe(false);
    const fresh = table.get('t1');
    expect(fresh).not.toBe(held);
    expect(fresh).toMatchObject({ count: 5, live: true });
  });
});

describe('a stored value', () => {
  const KEY = Buffer.from('t some key');

  test('is read back as it was, and every flipped bit of it is found', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, place) => {
        const sealed = sealValue(KEY, text);
        expect(openValue(KEY, sealed)).toBe(text);
        const bit = place % (sealed.length * 8);
        sealed[bit >> 3] = (sealed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => openValue(KEY, sealed)).toThrow(
          expect.objectContaining({ code: 'STATE_DAMAGED' }),
        );
      }),
    );
  });

  test('belongs to its key: another value in its place is found', () => {
    const sealed = sealValue(KEY, '["1000007"]');
    expect(() => openValue(Buffer.from('t some kez'), sealed)).toThrow(
      expect.objectContaining({ code: 'STATE_DAMAGED' }),
    );
  });

  test.each([0, 1, 3, 4])('of %i bytes is no value', (bytes) => {
    expect(() => openValue(KEY, Buffer.alloc(bytes, 1))).toThrow(
      expect.objectContaining({ code: 'STATE_DAMAGED' }),
    );
  });

  test('has a key of any length', () => {
    const shelf = openShelf();
    const { store, table } = openTally(shelf.reader);
    const long = (n: number) => `t${'x'.repeat(600)}${n}`;
    for (let n = 0; n < 50; n++) add(table, long(n), n);
    shelf.commit(store.capture());
    sweep(store, 0);
    sweep(store, 0);
    expect(store.residentValues()).toBe(0);
    for (let n = 0; n < 50; n++) expect(table.get(long(n))?.count).toBe(n);
    expect(Math.max(...[...shelf.stored.keys()].map(({ length }) => length))).toBeLessThan(512);
  });
});

test('what is read once does not stay in memory, and is as fresh as what does', () => {
  const shelf = openShelf();
  const before = openTally(shelf.reader);
  add(before.table, 'ta', 1);
  add(before.table, 'tb', 2);
  shelf.commit(before.store.capture());
  const { store, table } = openTally(shelf.reader);
  expect(table.peek('ta')?.count).toBe(1);
  expect(table.peek('none')).toBeUndefined();
  expect(store.residentValues()).toBe(0);
  add(table, 'ta', 5);
  expect(table.peek('ta')?.count).toBe(6);
  expect(store.residentValues()).toBe(1);
});

test('what a capture has encoded leaves memory with it', async () => {
  const { store, table } = openTally(openShelf().reader);
  add(table, 'ta', 1);
  const encoded = (() => {
    const capture = store.capture();
    while (!capture.step());
    return new WeakRef(capture.values[0] as object);
  })();
  // What a WeakRef was made for lives until the turn ends.
  await nextTurn();
  processMemory().collect();
  expect(encoded.deref()).toBeUndefined();
});

// How many elements a message may hold: fields, items, entries. One of 4 MiB can be two million
// empty items, which take seconds and half a gigabyte to make, so large ones are counted before
// they are taken apart. https://protobuf.dev/programming-guides/encoding/
//
// Invariant: the count is at least what the decoder will make. Groups and unknown fields count too;
// what is malformed is left to the decoder, which stops there as well.
//
// Cost: none for a message that is too short to hold so many; else about 20 ns an element.

import type { DescMessage, FileRegistry } from '@bufbuild/protobuf';
import { present } from '../base/assert.js';
import { limits } from '../limits.js';
import { invalidField } from '../operations/refusal.js';
import type { Counter } from '../telemetry/instruments.js';

/** By the number of the field: what it holds, if that is a message. */
type Shape = readonly (Shape | undefined)[];

/** A tag and a length. */
const ELEMENT_BYTES_MIN = 2;

export type Decode<Message> = (bytes: Buffer) => Message;

/** Decoders of requests by path, of `/package.Service/Method`. */
export type DecoderOf = <Message>(path: string, decode: Decode<Message>) => Decode<Message>;

/** Decoders that throw INVALID_ARGUMENT for what is no such message, or has too many elements. */
export function openDecoders(contract: FileRegistry, tooMany: Pick<Counter, 'add'>): DecoderOf {
  const shapeOf = openShapes();
  return (path, decode) => {
    const input = inputOf(contract, path);
    const shape = shapeOf(input);
    return (bytes) => {
      if (bytes.length >= ELEMENT_BYTES_MIN * limits.messageElements && hasTooMany(bytes, shape)) {
        tooMany.add();
        throw invalidField('request', `may have ${limits.messageElements} elements`);
      }
      try {
        return decode(bytes);
      } catch (error) {
        throw invalidField('request', `is no ${input.name}: ${(error as Error).message}`);
      }
    };
  };
}

function inputOf(contract: FileRegistry, path: string): DescMessage {
  const [, service = '', name] = path.split('/');
  const methods = contract.getService(service)?.methods ?? [];
  return present(
    methods.find((method) => method.name === name),
    path,
  ).input;
}

function openShapes(): (message: DescMessage) => Shape {
  const known = new Map<DescMessage, (Shape | undefined)[]>();
  return function shapeOf(message) {
    const made = known.get(message);
    if (made !== undefined) return made;
    const shape: (Shape | undefined)[] = [];
    // A message may hold itself.
    known.set(message, shape);
    for (const field of message.fields) {
      if (field.message !== undefined) shape[field.number] = shapeOf(field.message);
      // An entry is a message of a key and a value, which are scalars.
      else if (field.fieldKind === 'map') shape[field.number] = [];
    }
    return shape;
  };
}

export function hasTooMany(bytes: Buffer, shape: Shape, most: number = limits.messageElements) {
  let at = 0;
  let left = most;
  walk(shape, bytes.length);
  return left < 0;

  /** As the decoder goes: an inner message may end behind its outer one. */
  function walk(of: Shape, end: number): void {
    while (at < end && left >= 0) {
      left--;
      const tag = varint();
      switch (tag & 7) {
        case 0:
          varint();
          break;
        case 1:
          at += 8;
          break;
        case 2: {
          const length = varint();
          const inner = of[tag >>> 3];
          if (inner === undefined) at += length;
          else walk(inner, Math.min(at + length, bytes.length));
          break;
        }
        case 5:
          at += 4;
          break;
        // Begin and end of a group: what is in it counts like what is around it.
        case 3:
        case 4:
          break;
        default:
          at = bytes.length;
      }
    }
  }

  /** The lower 32 bits, which are what the decoder takes. */
  function varint(): number {
    let value = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes[at++] as number;
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    return value >>> 0;
  }
}

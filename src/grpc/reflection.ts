// Server reflection, v1 and v1alpha, from the descriptors that `make generate` writes. Through
// proto-loader imports and HTTP options would be lost, so the files' own bytes are served. The
// library takes each file apart and puts it together again: it is given them without comments, a
// fifth of the work, and what it serves are those with comments.

import { readFileSync } from 'node:fs';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { present } from '../base/assert.js';
import { SERVICE_NAMES } from './services.js';

const image = (name: string) => new URL(`../../generated/${name}.binpb`, import.meta.url);
const SERVICES = [...SERVICE_NAMES, 'grpc.health.v1.Health'];

/** The private part of @grpc/reflection 1.0.4 that keeps each file's encoding. */
interface Encodings {
  readonly fileEncodings: Map<{ readonly name: string }, Uint8Array>;
}

export function addReflection(server: Server): void {
  const files = filesOf(readFileSync(image('contract')));
  const service = new ReflectionService({ image: { fileDescriptorProtos: files } } as never, {
    services: SERVICES,
  });
  const whole = filesOf(readFileSync(image('descriptors')));
  keepOriginals(service as unknown as { v1: Encodings; v1Alpha: Encodings }, whole);
  service.addToServer(server);
}

/** The library encodes the files anew and drops options it does not know: put their bytes back. */
function keepOriginals(inner: { v1: Encodings; v1Alpha: Encodings }, files: Buffer[]): void {
  const byName = new Map(files.map((file) => [nameOf(file), file]));
  for (const { fileEncodings } of [inner.v1, inner.v1Alpha]) {
    for (const file of fileEncodings.keys()) {
      fileEncodings.set(file, present(byName.get(file.name), `the file ${file.name}`));
    }
  }
}

/** FileDescriptorSet: field 1, repeated. */
function filesOf(set: Uint8Array): Buffer[] {
  return fieldsOf(set).map((bytes) => Buffer.from(bytes));
}

/** FileDescriptorProto: field 1. */
function nameOf(file: Uint8Array): string {
  const [name] = fieldsOf(file);
  return Buffer.from(present(name, 'the name of a file')).toString();
}

/** What field 1 of a message holds. */
function fieldsOf(message: Uint8Array): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) found.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  return found;
}

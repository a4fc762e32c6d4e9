// Server reflection, v1 and v1alpha, from the descriptor image that `make generate` writes. Through
// proto-loader imports and HTTP options would be lost, so the files' own bytes are served.

import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { SERVICE_NAMES } from './services.js';

const IMAGE = new URL('../../generated/descriptors.binpb', import.meta.url);
const SERVICES = [...SERVICE_NAMES, 'grpc.health.v1.Health'];

/** The private part of @grpc/reflection 1.0.4 that keeps each file's encoding. */
interface Encodings {
  readonly fileEncodings: Map<{ readonly name: string }, Uint8Array>;
}

export function addReflection(server: Server): void {
  const files = filesOf(readFileSync(IMAGE));
  const service = new ReflectionService({ image: { fileDescriptorProtos: files } } as never, {
    services: SERVICES,
  });
  keepOriginals(service as unknown as { v1: Encodings; v1Alpha: Encodings }, files);
  service.addToServer(server);
}

/** The library encodes the files anew and drops options it does not know: put their bytes back. */
function keepOriginals(inner: { v1: Encodings; v1Alpha: Encodings }, files: Buffer[]): void {
  const byName = new Map(
    files.map((file) => [fromBinary(FileDescriptorProtoSchema, file).name, file]),
  );
  for (const { fileEncodings } of [inner.v1, inner.v1Alpha]) {
    for (const file of fileEncodings.keys()) {
      const bytes = byName.get(file.name);
      if (bytes !== undefined) fileEncodings.set(file, bytes);
    }
  }
}

/** FileDescriptorSet: field 1, repeated. */
function filesOf(set: Uint8Array): Buffer[] {
  const reader = new BinaryReader(set);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) files.push(Buffer.from(reader.bytes()));
    else reader.skip(wireType, field);
  }
  return files;
}

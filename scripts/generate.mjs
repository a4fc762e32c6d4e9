// Writes generated/: TypeScript from the contract, and the descriptors for reflection and the
// OpenAPI document. Same input, same bytes; no network.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bufEntry = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf');
// buf starts the plugin by its path, and the plugin's first line finds `node` on the PATH.
const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };

mkdirSync(join(root, 'generated'), { recursive: true });
buf('generate');
// A plain FileDescriptorSet of every file with its imports, comments included.
buf('build', '--as-file-descriptor-set', '-o', 'generated/descriptors.binpb');

function buf(...args) {
  execFileSync(process.execPath, [bufEntry, ...args], { cwd: root, env, stdio: 'inherit' });
}

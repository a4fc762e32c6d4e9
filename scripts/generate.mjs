// Writes generated/: TypeScript from the contract, and the descriptors for reflection and the
// OpenAPI document. Same input, same bytes; no network.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const generated = join(root, 'generated');
const require = createRequire(import.meta.url);
const bufEntry = require.resolve('@bufbuild/buf/bin/buf');
// buf starts the plugin by its path, and the plugin's first line finds `node` on the PATH.
const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };

mkdirSync(generated, { recursive: true });
buf('generate');
// A plain FileDescriptorSet of every file with its imports, comments included.
const set = ['build', '--as-file-descriptor-set', '-o'];
buf(...set, 'generated/descriptors.binpb');
// The same without comments, a fifth of it: what a start reads.
buf(...set, 'generated/contract.binpb', '--exclude-source-info');
await writeOpenApi();

function buf(...args) {
  execFileSync(process.execPath, [bufEntry, ...args], { cwd: root, env, stdio: 'inherit' });
}

/** The generator is one of the sources. They are not checked here: `make types` does that. */
async function writeOpenApi() {
  const compiled = join(root, 'dist', 'generate-esm');
  rmSync(compiled, { recursive: true, force: true });
  const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const args = ['--project', root, '--noCheck', '--sourceMap', 'false', '--outDir', compiled];
  execFileSync(process.execPath, [compiler, ...args], { cwd: root, stdio: 'inherit' });
  writeFileSync(join(compiled, 'package.json'), '{"type":"module"}\n');
  const { openApiText } = await import(
    pathToFileURL(join(compiled, 'src', 'http', 'openapi', 'text.js'))
  );
  const descriptors = readFileSync(join(generated, 'descriptors.binpb'));
  writeFileSync(join(generated, 'openapi.json'), openApiText(descriptors));
  rmSync(compiled, { recursive: true });
}

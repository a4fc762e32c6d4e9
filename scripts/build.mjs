// Writes dist/ anew: what TypeScript emits under dist/esm/, dist/main.js, which starts it, and the
// declarations of the client, with those that it needs, under dist/types/. Same input, same bytes;
// nothing of an earlier build stays.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);
const typescript = require.resolve('typescript/package.json');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

rmSync(dist, { recursive: true, force: true });
try {
  const compiler = join(dirname(typescript), 'bin', 'tsc');
  for (const [project, directory] of [
    ['tsconfig.json', 'esm'],
    ['tsconfig.client.json', 'types'],
  ]) {
    const argv = [compiler, '--project', join(root, project), '--outDir', join(dist, directory)];
    execFileSync(process.execPath, argv, { cwd: root, stdio: 'inherit' });
  }
} catch {
  // TypeScript has said why. Nobody shall start what it emitted all the same.
  rmSync(dist, { recursive: true, force: true });
  process.exit(1);
}
// The descriptors and the OpenAPI document are read beside the generated code, here as in the
// sources; what the docs page loads is read from its package there, which only a build needs.
copy(join(root, 'generated'), join(dist, 'esm', 'generated'), [
  'contract.binpb',
  'descriptors.binpb',
  'openapi.json',
]);
const swaggerUi = dirname(require.resolve('@fastify/swagger-ui/package.json'));
copy(join(swaggerUi, 'static'), join(dist, 'esm', 'assets', 'swagger-ui'), [
  'swagger-ui-bundle.js',
  'swagger-ui.css',
]);
writeFileSync(join(dist, 'package.json'), json({ type: 'commonjs' }));
writeFileSync(join(dist, 'esm', 'package.json'), json({ type: 'module', version }));
writeFileSync(join(dist, 'types', 'package.json'), json({ type: 'module' }));
writeFileSync(
  join(dist, 'main.js'),
  "#!/usr/bin/env node\n'use strict';\nrequire('./esm/src/launcher.cjs');\n",
);
chmodSync(join(dist, 'main.js'), 0o755);

function copy(from, to, names) {
  mkdirSync(to, { recursive: true });
  for (const name of names) copyFileSync(join(from, name), join(to, name));
}

function json(value) {
  return `${JSON.stringify(value)}\n`;
}

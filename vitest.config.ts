import { defineConfig } from 'vitest/config';

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/temporary-files.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most files start the whole server: loading it anew for each took longer than the tests. So no
    // file may leave anything behind in its process: no listener, no timer, no changed environment.
    isolate: false,
    // Half of a file's time is waiting for the disk, a process or a timeout.
    maxWorkers: '100%',
    env: { UV_THREADPOOL_SIZE: '8' },
  },
});

// What must be set before anything else runs. CommonJS on purpose: journal, LMDB and zero-fill
// share libuv's threads, and when an ES module runs, the loader has already made the pool with its
// default of four.

// V8 moves the allocation of what survived its first collections to the old generation, for good.
// Under the first burst of calls everything survives; what holds a call is then never young again,
// and keeps every call until a major collection.
process.getBuiltinModule('node:v8').setFlagsFromString('--no-allocation-site-pretenuring');

const THREADS_MIN = 8;
/** libuv's own bound. */
const THREADS_MAX = 1024;

const asked = Math.trunc(Number(process.env['UV_THREADPOOL_SIZE']));
const threads = asked > THREADS_MIN ? Math.min(asked, THREADS_MAX) : THREADS_MIN;
process.env['UV_THREADPOOL_SIZE'] = String(threads);

void import('./main.js').then(async ({ main }) => {
  process.exitCode = await main(process.argv.slice(2), process);
});

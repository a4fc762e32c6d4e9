// CommonJS on purpose: journal, LMDB and zero-fill share libuv's threads, and when an ES module
// runs, the loader has already made the pool with its default of four.

const THREADS_MIN = 8;
/** libuv's own bound. */
const THREADS_MAX = 1024;

const asked = Math.trunc(Number(process.env['UV_THREADPOOL_SIZE']));
const threads = asked > THREADS_MIN ? Math.min(asked, THREADS_MAX) : THREADS_MIN;
process.env['UV_THREADPOOL_SIZE'] = String(threads);

void import('./main.js').then(async ({ main }) => {
  process.exitCode = await main(process.argv.slice(2), process);
});

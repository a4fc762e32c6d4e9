// After vitest: exits with 1 unless every test in every given place ran. Tests whose data is not part
// of the repository say so in their names; they are counted aloud.
//
//   node scripts/all-ran.mjs <vitest's JSON report> <folder or file>...

import { readFileSync } from 'node:fs';

const [report, ...places] = process.argv.slice(2);
const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
const empty = places.filter((place) => !testResults.some(({ name }) => name.includes(`/${place}`)));
const all = testResults.flatMap(({ assertionResults }) => assertionResults);
const left = all.filter(({ status }) => status !== 'passed');
const absent = left.filter(({ fullName }) => fullName.includes('(SKIPPED: there is no '));

console.log(`${all.length - left.length} of ${all.length} tests ran and passed.`);
if (absent.length > 0) {
  console.log(`${absent.length} need data that is not here (shared/data); their names say which.`);
}
for (const place of empty) console.error(`There are no tests in ${place}.`);
if (left.length > absent.length) {
  console.error(
    `${left.length - absent.length} did not run, though nothing that they need is absent.`,
  );
}
process.exit(empty.length > 0 || left.length > absent.length ? 1 : 0);

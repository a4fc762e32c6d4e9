// Catalogues for tests: YAML by section, over a small sound one.

type Sections = Readonly<Record<string, string>>;

/** One SUM meter of each usual kind, one plan without rules. */
const SOUND: Sections = {
  default_plan: 'free',
  meters: `
    - {key: tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model]}
    - {key: run_units, unit: run_unit, scale: 4, aggregation: SUM, formula: run_units}
    - {key: calls, unit: call, scale: 0, aggregation: COUNT, rollup_keys: [tool]}
    - {key: peak, unit: MB, scale: 2, aggregation: MAX, rollup_keys: [region]}
    - {key: seats, unit: seat, scale: 0, aggregation: LAST, source_keys: [team]}
    - {key: users, unit: user, scale: 0, aggregation: UNIQUE, dimension: user,
       rollup_keys: [region]}`,
  plans: `
    - {id: free}`,
};

/** Each section is what stands after its key, on one line or indented by four blanks. */
export function catalogueYaml(sections: Sections = {}): string {
  const all = { ...SOUND, ...sections };
  const lines = Object.entries(all).map(([key, text]) => `  ${key}: ${text}\n`);
  return `catalogue:\n${lines.join('')}`;
}

/** The plan `free` with these rules, one flow mapping each. */
export function rulesYaml(...rules: readonly string[]): string {
  return catalogueYaml({ plans: freePlan(...rules) });
}

export function freePlan(...rules: readonly string[]): string {
  if (rules.length === 0) return '\n    - {id: free}';
  return `\n    - id: free\n      quotas:\n${rules.map((rule) => `        - ${rule}\n`).join('')}`;
}

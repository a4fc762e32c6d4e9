// Whatever a test does, no credential of it may stand in the log. Credentials are known by their
// form, so every key, token and secret of the whole suite is a planted one.

const FORMS = [
  /tg_[0-9a-f]{10}_[\w-]{43}/,
  // A JSON Web Token: header and payload begin with `{"`.
  /eyJ[\w-]{8,}\.eyJ[\w-]{8,}/,
  /whsec_[A-Za-z0-9+/]{16,}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY/,
];

/** Throws where a line holds one. Of servers in this process and in others, when they end. */
export function refuseSecrets(lines: readonly string[]): void {
  const told = lines.find((line) => FORMS.some((form) => form.test(line)));
  if (told !== undefined) throw new Error(`a secret stands in the log: ${told}`);
}

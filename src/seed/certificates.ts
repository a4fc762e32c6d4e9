// The `certificates` section of the file: which client certificates are whose.

import { z } from 'zod';
import type { CertificateDocument } from '../domain/access/certificate.js';
import { ORG_PATTERN } from '../domain/access/principal.js';
import { isRole, ROLE_NAMES, ROLES, type Role } from '../domain/access/roles.js';
import { limits } from '../limits.js';
import { checkDistinct } from './checks.js';
import { type Problem, pathText } from './problem.js';
import { openReader } from './reader.js';
import { id, label, matching, orEmpty, type Read, refuse } from './scalars.js';
import { list, scalar } from './shape.js';
import type { YamlFile } from './yaml.js';

const ROOT = 'certificates';

const role: Read<Role> = (text) =>
  isRole(text) ? text : refuse(`must be one of ${ROLE_NAMES.join(', ')}`);
const pattern = matching(
  ORG_PATTERN,
  'must be an organisation id, the beginning of one and "*", or "*"',
);

const certificateShape = z.strictObject({
  san: scalar(label(limits.sanChars)),
  org_id: scalar(orEmpty(id)).default(''),
  roles: list(role, limits.rolesPerCredential),
  allowed_orgs: list(pattern, limits.allowedOrgs).default([]),
});

export function readCertificates(
  file: YamlFile,
  problems: Problem[],
): readonly CertificateDocument[] {
  const { items, placed, texts, report } = openReader(file.root, (at, rule) => {
    problems.push(file.problemAt(at, pathText(at), rule));
  });
  const places = items([ROOT]);
  if (places.length > limits.certificates) {
    report([ROOT], `must have at most ${limits.certificates} items`);
  }
  checkDistinct(texts(places, 'san'), 'this san', report);
  return places.flatMap((place) =>
    placed(place, certificateShape).map(({ at, value }) => {
      const of = value.org_id === '' ? 'platform' : 'organisation';
      if (value.roles.length === 0) report([...at, 'roles'], 'must have at least one role');
      if (!value.roles.every((each) => ROLES[each].of === of)) {
        const whose = of === 'platform' ? 'without org_id' : 'with an org_id';
        report([...at, 'roles'], `of a certificate ${whose} must be roles of the ${of}`);
      }
      if (of === 'organisation' && value.allowed_orgs.length > 0) {
        report([...at, 'allowed_orgs'], 'must be left out beside org_id');
      }
      return value;
    }),
  );
}

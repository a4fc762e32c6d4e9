// Bindings as the document needs them: the shape of the path, and the field of each variable.

import type { DescField, DescMessage, DescMethod, FileRegistry } from '@bufbuild/protobuf';
import { assert, present } from '../../base/assert.js';
import { type Binding, bindingsOf } from '../bindings.js';
import { variablesOf } from '../routes.js';

export interface Located extends Binding {
  /** 0 for the first binding of an RPC, 1 and on for its additional ones. */
  readonly index: number;
  /** With `{}` for each variable: `/v1/orgs/{}/usage:record`. */
  readonly shape: string;
  readonly variables: readonly Variable[];
}

export interface Variable {
  /** `event.org_id` */
  readonly path: string;
  readonly field: DescField;
}

/** In the order of the contract. */
export function locate(contract: FileRegistry): readonly Located[] {
  const counts = new Map<DescMethod, number>();
  return bindingsOf(contract).map((binding) => {
    const { method, template } = binding;
    const index = counts.get(method) ?? 0;
    counts.set(method, index + 1);
    const variables = variablesOf(template).map((path) => ({
      path,
      field: fieldAt(method.input, path),
    }));
    return { ...binding, index, shape: template.replaceAll(/\{[^}]+\}/g, '{}'), variables };
  });
}

function fieldAt(message: DescMessage, path: string): DescField {
  const [name, ...rest] = path.split('.');
  const field = present(
    message.fields.find((known) => known.name === name),
    `${message.name}.${path}`,
  );
  if (rest.length === 0) return field;
  assert(field.fieldKind === 'message', `${message.name}.${name} is a message`);
  return fieldAt(field.message, rest.join('.'));
}

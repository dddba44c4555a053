// The committed schema files say what the code says, in the API's and in the federation's form.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { buildSchema, isInputObjectType, isInterfaceType, isObjectType, isEnumType, Kind, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { problemPlaces } from '../../../../src/server/graphql/errors.ts';
import { schemaFiles } from '../../../../src/build/schema.ts';
import { schema } from '../../../../src/server/graphql/schema/schema.ts';

test.each(schemaFiles().map(({ path, text }) => [basename(path), path, text]))(
  '%s is up to date (npm run schema)',
  (_name, path, text) => {
    expect(readFileSync(path, 'utf8')).toBe(text);
  },
);

test('the printed schema is a schema', () => {
  const [api] = schemaFiles();
  expect(buildSchema(api?.text ?? '').getQueryType()?.name).toBe('Query');
});

describe('the subgraph', () => {
  const document = parse(schemaFiles()[1]?.text ?? '');
  const type = (name: string) =>
    document.definitions.find(
      (definition) => definition.kind === Kind.OBJECT_TYPE_DEFINITION && definition.name.value === name,
    );
  const directives = (name: string) => {
    const definition = type(name);
    return definition?.kind === Kind.OBJECT_TYPE_DEFINITION
      ? definition.directives?.map(({ name: { value }, arguments: args = [] }) =>
          [value, ...args.map((argument) => (argument.value.kind === Kind.STRING ? argument.value.value : ''))].join(
            ' ',
          ),
        )
      : undefined;
  };

  test('links Federation 2.9, the newest version that both composers support', () => {
    expect(document.definitions[0]).toMatchObject({
      kind: Kind.SCHEMA_EXTENSION,
      directives: [{ arguments: [{ value: { value: 'https://specs.apollo.dev/federation/v2.9' } }, {}] }],
    });
  });

  test('has the keys of its entities and shares PageInfo', () => {
    expect([directives('Registry'), directives('ContainerImage'), directives('PageInfo')]).toEqual([
      ['key id', 'key registry'],
      ['key reference'],
      ['shareable'],
    ]);
  });

  test('has no node query, which only one graph can have', () => {
    const query = type('Query');
    const fields = query?.kind === Kind.OBJECT_TYPE_DEFINITION ? query.fields?.map(({ name }) => name.value) : [];
    expect(fields).toEqual(['image', 'principal', 'pullConfig', 'registries', 'registry']);
  });
});

test('everything has a description: the schema is the manual', () => {
  const without: string[] = [];
  const check = (name: string, described: { readonly description?: string | null | undefined }) =>
    described.description ?? without.push(name);
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    check(type.name, type);
    if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value);
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      check(`${type.name}.${field.name}`, field);
      if ('args' in field)
        for (const argument of field.args) check(`${type.name}.${field.name}(${argument.name})`, argument);
    }
  }
  expect(without).toEqual([]);
});

test('RegistryErrorCode holds exactly the codes that a payload can have', () => {
  const type = schema.getType('RegistryErrorCode');
  const inPayloads = Object.entries(problemPlaces)
    .filter(([, place]) => place === 'payload')
    .map(([code]) => code);
  expect(
    isEnumType(type) &&
      type
        .getValues()
        .map(({ name }) => name)
        .toSorted(),
  ).toEqual(inPayloads.toSorted());
});

/** The API described for tools: OpenAPI 3.1, made from the same table that registers the routes. */
import { maxCursorCharacters, maxParameterCharacters } from './limits.ts';
import { type Operation, operations } from './operations.ts';
import { defaultPageItems, maxPageItems } from './parameters.ts';

export function openApiDocument(version: string): unknown {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Driftline',
      version,
      description:
        'What changed in the watched clusters, where, who did it, what allowed it, and what it broke. Times are RFC 3339 with microseconds.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }],
    paths: Object.fromEntries(
      operations.map((operation) => [`/api/v1/${operation.path}`, { get: describe(operation) }]),
    ),
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Error: {
          type: 'object',
          required: ['error'],
          properties: {
            error: {
              type: 'object',
              required: ['code', 'message'],
              properties: { code: { type: 'string' }, message: { type: 'string' } },
            },
          },
        },
      },
    },
  };
}

const page = {
  type: 'object',
  required: ['items', 'next'],
  properties: {
    items: { type: 'array', items: { type: 'object' } },
    next: {
      type: ['string', 'null'],
      description:
        'null: there is no more. Otherwise send it as `cursor`, with the same parameters, for the next page. A filter ' +
        'that has to look into objects (selector, user, origin) can leave a page short, or empty, that has a next one.',
    },
  },
};

/** A page's size is the one parameter that is a number. */
const schemaOf = (name: string): unknown => {
  if (name === 'limit') return { type: 'integer', minimum: 1, maximum: maxPageItems, default: defaultPageItems };
  return { type: 'string', maxLength: name === 'cursor' ? maxCursorCharacters : maxParameterCharacters };
};

function describe(operation: Operation): unknown {
  const problem = (description: string): unknown => ({
    description,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  });
  return {
    operationId: operation.path,
    summary: operation.summary,
    parameters: Object.entries(operation.parameters).map(([name, description]) => ({
      name,
      in: 'query',
      required: false,
      description,
      schema: schemaOf(name),
    })),
    responses: {
      200: {
        description: operation.answer,
        content: { 'application/json': { schema: operation.isList ? page : { type: 'object' } } },
      },
      400: problem('a parameter is wrong, unknown or given twice'),
      401: problem('no token, or one that is not known or may not read'),
      403: problem('the token may not read that cluster'),
      404: problem('no such kind, control or path'),
      422: problem('the question takes the store longer, or more memory, than one may: narrow it'),
      429: problem('too many questions are being answered: ask again after Retry-After'),
      503: problem('the timeline store does not answer'),
    },
  };
}

/** The API described for tools: OpenAPI 3.1, made from the same table that registers the routes. */
import { type Operation, operations } from './operations.ts';

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

function describe(operation: Operation): unknown {
  const problem = {
    description: 'Problem',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  };
  return {
    operationId: operation.path,
    summary: operation.summary,
    parameters: Object.entries(operation.parameters).map(([name, description]) => ({
      name,
      in: 'query',
      required: false,
      description,
      schema: { type: 'string' },
    })),
    responses: {
      200: { description: operation.answer, content: { 'application/json': { schema: { type: 'object' } } } },
      400: problem,
      401: problem,
      404: problem,
      503: problem,
    },
  };
}

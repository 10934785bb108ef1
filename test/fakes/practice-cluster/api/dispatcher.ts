import type { Authorizer, Decision } from '../access/authorizer.ts';
import { anonymous, type Attributes, type Caller, callerOf } from '../access/caller.ts';
import type { Tokens } from '../access/tokens.ts';
import { type Audit, type AuditedRequest, newAuditId } from '../audit/audit.ts';
import { StatusError } from '../status-error.ts';
import { serveDiscovery } from './discovery.ts';
import { CutConnection, type Failures } from './failures.ts';
import { serveOpenApi } from './openapi.ts';
import { type ApiRequest, type Call, objectReply, type Reply, textReply, type WatchOutput } from './request.ts';
import { type Resources, serveResource } from './resources.ts';
import { attributesOf } from './route.ts';

export type DispatcherParts = {
  readonly resources: Resources;
  readonly tokens: Tokens;
  readonly authorizer: Authorizer;
  readonly audit: Audit;
  readonly failures: Failures;
};

export type Dispatched = { readonly reply: Reply; readonly auditId: string };

export const serverVersion = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.0',
  gitCommit: 'practice',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
};

/** The path of a request: authenticate, understand, authorise, serve, audit. */
export class Dispatcher {
  readonly #parts: DispatcherParts;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Throws CutConnection where a test planned that; everything else is a reply. */
  dispatch(request: ApiRequest): Dispatched {
    const receivedMs = this.#parts.resources.clock.now();
    const auditId = auditIdOf(request);
    const [path = '/', search = ''] = request.url.split(/\?(.*)/s);
    const query = new URLSearchParams(search);
    const attributes = attributesOf(request.method, path, query);
    const caller = this.#authenticate(request);
    if (caller === undefined) return { reply: failed(new StatusError(401, 'Unauthorized', 'Unauthorized')), auditId };
    const effective = impersonated(request);
    const call: Call = { request, attributes, query, caller: effective ?? caller };
    const { reply, decision } = this.#answer(call, caller, effective);
    const audited: AuditedRequest = {
      request,
      attributes,
      caller,
      impersonated: effective,
      decision,
      receivedMs,
      auditId,
    };
    return { reply: this.#audited(audited, reply), auditId };
  }

  #audited(audited: AuditedRequest, reply: Reply): Reply {
    if (reply.type !== 'watch') {
      this.#parts.audit.record(audited, reply, 'ResponseComplete');
      return reply;
    }
    this.#parts.audit.record(audited, reply, 'ResponseStarted');
    const start = (output: WatchOutput): void => {
      output.onClose(() => this.#parts.audit.record(audited, reply, 'ResponseComplete'));
      reply.start(output);
    };
    return { ...reply, start };
  }

  #authenticate(request: ApiRequest): Caller | undefined {
    if (request.caller !== undefined) return request.caller;
    const header = request.headers['authorization'];
    if (header === undefined) return anonymous;
    const token = /^bearer\s+(\S+)$/i.exec(header)?.[1];
    return token === undefined ? anonymous : this.#parts.tokens.authenticate(token);
  }

  #answer(call: Call, caller: Caller, effective: Caller | undefined): { reply: Reply; decision: Decision } {
    let decision: Decision = { allowed: false, reason: '' };
    try {
      this.#parts.failures.check(call.attributes, call.caller);
      if (effective !== undefined) this.#checkImpersonation(caller, effective);
      decision =
        call.request.isTrusted === true ? trusted : this.#parts.authorizer.authorize(call.caller, call.attributes);
      if (!decision.allowed) throw denied(call.caller, call.attributes);
      return { reply: this.#serve(call), decision };
    } catch (error) {
      if (error instanceof CutConnection) throw error;
      if (error instanceof StatusError) return { reply: failed(error), decision };
      // A bug in this program: say so in the answer, where a test will see it.
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { reply: failed(new StatusError(500, 'InternalError', `practice cluster: ${text}`)), decision };
    }
  }

  #checkImpersonation(caller: Caller, effective: Caller): void {
    const base = {
      verb: 'impersonate',
      isResource: true,
      group: '',
      version: 'v1',
      subresource: '',
      namespace: '',
      path: '',
    };
    const wanted = [
      { ...base, resource: 'users', name: effective.name },
      ...effective.groups
        .filter((group) => group !== 'system:authenticated')
        .map((name) => ({ ...base, resource: 'groups', name })),
    ];
    for (const attributes of wanted) {
      if (!this.#parts.authorizer.authorize(caller, attributes).allowed) throw denied(caller, attributes);
    }
  }

  #serve(call: Call): Reply {
    if (call.attributes.isResource) return serveResource(call, this.#parts.resources);
    const { path, verb } = call.attributes;
    const { kinds } = this.#parts.resources.store;
    const document = serveDiscovery(call, kinds) ?? serveOpenApi(call, kinds);
    if (document !== undefined) return document;
    if (verb === 'get' && /^\/(healthz|livez|readyz)(\/|$)/.test(path)) return textReply('ok');
    if (verb === 'get' && (path === '/version' || path === '/version/')) return objectReply({ ...serverVersion });
    if (verb === 'get' && path === '/metrics') return textReply(this.#metrics());
    return textReply('404 page not found\n', 404);
  }

  #metrics(): string {
    const { audit, resources } = this.#parts;
    const { droppedEvents = 0 } = audit.webhook ?? {};
    return [
      '# TYPE apiserver_audit_event_total counter',
      `apiserver_audit_event_total ${audit.events}`,
      '# TYPE apiserver_audit_error_total counter',
      `apiserver_audit_error_total{plugin="webhook"} ${droppedEvents}`,
      '# TYPE apiserver_longrunning_requests gauge',
      `apiserver_longrunning_requests{verb="WATCH"} ${resources.hub.count()}`,
      '',
    ].join('\n');
  }
}

const trusted: Decision = { allowed: true, reason: '' };

const failed = (error: StatusError): Reply => objectReply(error.toStatus(), error.code);

/** Clients may choose the id of their audit event. */
const auditIdOf = (request: ApiRequest): string => {
  const given = request.headers['audit-id'] ?? '';
  return /^[\w-]{1,64}$/.test(given) ? given : newAuditId();
};

const impersonated = (request: ApiRequest): Caller | undefined => {
  const name = request.headers['impersonate-user'];
  if (name === undefined || name === '') return undefined;
  const groups = (request.headers['impersonate-group'] ?? '').split(',').map((group) => group.trim());
  return callerOf(
    name,
    groups.filter((group) => group !== ''),
  );
};

const denied = (caller: Caller, request: Attributes): StatusError => {
  const who = `User ${JSON.stringify(caller.name)} cannot ${request.verb}`;
  if (!request.isResource) {
    return new StatusError(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(request.path)}`, { details: {} });
  }
  const resource = request.subresource === '' ? request.resource : `${request.resource}/${request.subresource}`;
  const where =
    request.namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(request.namespace)}`;
  const group = request.group === '' ? '' : `.${request.group}`;
  const name = request.name === '' ? '' : ` ${JSON.stringify(request.name)}`;
  const message = `${request.resource}${group}${name} is forbidden: ${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(request.group)} ${where}`;
  const details = {
    ...(request.name === '' ? {} : { name: request.name }),
    ...(request.group === '' ? {} : { group: request.group }),
    kind: request.resource,
  };
  return new StatusError(403, 'Forbidden', message, { details });
};

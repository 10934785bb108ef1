/**
 * The embedded server's configuration files. Users are declared here because this server has no CREATE USER.
 *
 * The server's own session runs as `default`, whose password cannot be set. Over HTTP that user is unreachable: the
 * only handler that takes queries asks for an X-ClickHouse-User header that names one of our users, and ClickHouse
 * refuses such a header together with any other form of credentials. What `default` may do is cut down all the same.
 */
import { createHash } from 'node:crypto';
import type { StoreUser } from '../connection/store-connection.ts';
import type { StoreUsers } from './credentials.ts';

export type ServerConfig = {
  readonly storeDir: string;
  readonly usersFile: string;
  readonly database: string;
  readonly maxMemoryBytes: number;
};

export function serverXml(config: ServerConfig): string {
  return `<clickhouse>
  <path>${escapeXml(config.storeDir)}</path>
  <users_config>${escapeXml(config.usersFile)}</users_config>
  <max_server_memory_usage>${config.maxMemoryBytes}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <logger><level>none</level></logger>
  <http_handlers>
    <rule><url>/ping</url><handler><type>ping</type></handler></rule>
    <rule>
      <headers><X-ClickHouse-User><![CDATA[regex:driftline_.+]]></X-ClickHouse-User></headers>
      <handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler>
    </rule>
  </http_handlers>
</clickhouse>
`;
}

export function usersXml(users: StoreUsers, database: string): string {
  const onDatabase = (privileges: string) => `GRANT ${privileges} ON ${database}.*`;
  return `<clickhouse>
  <profiles><default/><driftline_reader><readonly>2</readonly></driftline_reader></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT READ ON FILE</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </default>
${userXml(users.owner, 'default', [onDatabase('ALL'), 'GRANT SELECT ON system.*', 'GRANT TABLE ENGINE ON *'])}
${userXml(users.writer, 'default', [onDatabase('SELECT, INSERT'), 'GRANT SELECT ON system.processes'])}
${userXml(users.reader, 'driftline_reader', [onDatabase('SELECT')])}
  </users>
</clickhouse>
`;
}

function userXml(user: StoreUser, profile: string, grants: readonly string[]): string {
  const digest = createHash('sha256').update(user.password).digest('hex');
  return `    <${user.user}>
      <password_sha256_hex>${digest}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks>
      <profile>${profile}</profile><quota>default</quota>
      <grants>${grants.map((grant) => `<query>${grant}</query>`).join('')}</grants>
    </${user.user}>`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

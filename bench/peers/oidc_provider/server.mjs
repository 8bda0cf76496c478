// node server.mjs PORT FOLDER REFRESH_TOKENS CODES
//
// node-oidc-provider with RS256 JWT access tokens and its own in-memory adapter, whose bound of 1,000 entries is raised:
// with it tokens would be forgotten in the middle of a measurement. Clients, both client_secret_basic: `kept` keeps its
// refresh tokens, `rotating` gets new ones, `own` asks in its own name. Tokens and codes that a person would have to be
// there for are made through the provider's own models and written to FOLDER, one a line; then it listens.

import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Provider } from 'oidc-provider';
// by path: the package does not export them by name
import LRU from './node_modules/oidc-provider/lib/helpers/lru.js';
import MemoryAdapter from './node_modules/oidc-provider/lib/adapters/memory_adapter.js';

const [port, folder, refreshTokens, codes] = [process.argv[2], process.argv[3], +process.argv[4], +process.argv[5]];
const RESOURCE = 'https://skill.example';
const REDIRECT = 'https://layla.amazon.com/api/skill/link/M1';
const YEAR = 31536000;

const store = new LRU({ maxSize: 10_000_000 });

class Adapter extends MemoryAdapter {
  constructor(model) {
    super(model, store);
  }
}

const client = (client_id) => ({
  client_id,
  client_secret: `${client_id}-secret-of-the-bench-0123456789abcdef`,
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  scope: 'openid offline_access read',
});

const machine = {
  client_id: 'own',
  client_secret: 'own-secret-of-the-bench-0123456789abcdef',
  redirect_uris: [],
  grant_types: ['client_credentials'],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_basic',
  scope: 'read',
};

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Adapter,
  clients: [client('kept'), client('rotating'), machine],
  scopes: ['openid', 'offline_access', 'read'],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'bench' }] },
  cookies: { keys: ['a secret of the bench'] },
  pkce: { required: () => false },
  findAccount: async (_, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
  rotateRefreshToken: (ctx) => ctx.oidc.client.clientId === 'rotating',
  issueRefreshToken: async () => true,
  ttl: {
    AccessToken: 3600, AuthorizationCode: 3600, Grant: YEAR, IdToken: 3600, RefreshToken: YEAR, Session: YEAR,
    ClientCredentials: 3600,
  },
  features: {
    devInteractions: { enabled: false },
    userinfo: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'openid offline_access read', audience: RESOURCE, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

async function granted(clientId, number, scope) {
  const grant = new provider.Grant({ accountId: `user-${number}`, clientId });
  grant.addOIDCScope('openid offline_access');
  grant.addResourceScope(RESOURCE, 'read');
  return {
    accountId: `user-${number}`,
    authTime: Math.floor(Date.now() / 1000),
    client: await provider.Client.find(clientId),
    grantId: await grant.save(),
    resource: RESOURCE,
    scope,
  };
}

async function seed(name, count, make) {
  const values = [];
  for (let number = 0; number < count; number += 1) values.push(await make(number));
  writeFileSync(join(folder, name), `${values.join('\n')}\n`);
}

for (const name of ['kept', 'rotating']) {
  // one token an answer: `openid` would bring an ID token with every refresh
  await seed(`${name}.txt`, refreshTokens, async (number) => {
    const token = new provider.RefreshToken({ ...await granted(name, number, 'read'), gty: 'authorization_code' });
    return token.save();
  });
}
await seed('codes.txt', codes, async (number) => {
  const of = await granted('kept', number, 'openid offline_access read');
  return new provider.AuthorizationCode({ ...of, gty: 'authorization_code', redirectUri: REDIRECT }).save();
});

createServer(provider.callback()).listen(+port, '127.0.0.1');

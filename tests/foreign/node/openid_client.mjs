// openid-client (v6): OpenID Connect as most Node applications speak it.

import * as oidc from "openid-client";
import { answer } from "./conversation.mjs";

const AUTHENTICATION = {
  client_secret_basic: (asked) => oidc.ClientSecretBasic(asked.client_secret),
  client_secret_post: (asked) => oidc.ClientSecretPost(asked.client_secret),
  none: () => oidc.None(),
  private_key_jwt: async (asked) => oidc.PrivateKeyJwt(await privateKey(asked.private_key)),
};

let config;
let options = {}; // DPoP, once `bind` was asked
let checks = {};

await answer({
  async discover(asked) {
    const authentication = await AUTHENTICATION[asked.method](asked);
    config = await oidc.discovery(new URL(asked.issuer), asked.client_id, asked.metadata ?? {}, authentication, {
      execute: [oidc.allowInsecureRequests], // http on loopback
      algorithm: asked.algorithm ?? "oidc",
    });
    return config.serverMetadata();
  },
  async register(asked) {
    const options = { initialAccessToken: asked.initial_access_token, execute: [oidc.allowInsecureRequests] };
    config = await oidc.dynamicClientRegistration(new URL(asked.issuer), asked.metadata, undefined, options);
    return config.clientMetadata();
  },
  async bind(asked) {
    options = { DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(asked.alg ?? "ES256")) };
  },
  async begin(asked) {
    const wanted = await parameters(asked);
    if (asked.signed_with) {
      return oidc.buildAuthorizationUrlWithJAR(config, wanted, await privateKey(asked.signed_with));
    }
    return asked.pushed
      ? oidc.buildAuthorizationUrlWithPAR(config, wanted, options)
      : oidc.buildAuthorizationUrl(config, wanted);
  },
  async finish(asked) {
    return tokens(await oidc.authorizationCodeGrant(config, new URL(asked.callback), checks, undefined, options));
  },
  async refresh(asked) {
    return tokens(await oidc.refreshTokenGrant(config, asked.refresh_token, asked.parameters ?? {}, options));
  },
  async userinfo(asked) {
    return oidc.fetchUserInfo(config, asked.access_token, asked.sub, options);
  },
  async revoke(asked) {
    await oidc.tokenRevocation(config, asked.token, asked.parameters ?? {});
  },
  async introspect(asked) {
    return oidc.tokenIntrospection(config, asked.token, asked.parameters ?? {});
  },
  async client_credentials(asked) {
    return oidc.clientCredentialsGrant(config, asked.parameters, options);
  },
  async device(asked) {
    return oidc.initiateDeviceAuthorization(config, asked.parameters);
  },
  async device_poll(asked) {
    return tokens(await oidc.pollDeviceAuthorizationGrant(config, asked.device, {}, options));
  },
  async exchange(asked) {
    const grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    return oidc.genericGrantRequest(config, grant, asked.parameters, options);
  },
  async end_session(asked) {
    return oidc.buildEndSessionUrl(config, asked.parameters);
  },
});

async function parameters(asked) {
  checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
    idTokenExpected: true,
  };
  return {
    redirect_uri: asked.redirect_uri,
    scope: asked.scope,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    ...asked.parameters,
  };
}

// The ID token's claims are there only when the library has accepted it.
function tokens(given) {
  return { ...given, claims: given.claims() ?? null, verifier: checks.pkceCodeVerifier };
}

async function privateKey(jwk) {
  const algorithm = { name: "ECDSA", namedCurve: jwk.crv };
  return { key: await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]), kid: jwk.kid };
}

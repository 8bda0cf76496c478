// oauth4webapi: each request and each check by hand; the strictest reader of answers that there is.

import * as oauth from "oauth4webapi";
import { answer } from "./conversation.mjs";

const AUTHENTICATION = {
  client_secret_basic: (asked) => oauth.ClientSecretBasic(asked.client_secret),
  client_secret_post: (asked) => oauth.ClientSecretPost(asked.client_secret),
  none: () => oauth.None(),
  private_key_jwt: async (asked) => oauth.PrivateKeyJwt(await privateKey(asked.private_key)),
};

const http = { [oauth.allowInsecureRequests]: true }; // on loopback
let as;
let client;
let authentication;
let options = http; // with DPoP, once `bind` was asked
let kept = {};

await answer({
  async discover(asked) {
    const issuer = new URL(asked.issuer);
    const found = await oauth.discoveryRequest(issuer, { ...http, algorithm: asked.algorithm ?? "oidc" });
    as = await oauth.processDiscoveryResponse(issuer, found);
    client = { client_id: asked.client_id, ...asked.metadata };
    authentication = await AUTHENTICATION[asked.method](asked);
    return as;
  },
  async register(asked) {
    const issuer = new URL(asked.issuer);
    as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
    const options = { ...http, initialAccessToken: asked.initial_access_token };
    const answered = await oauth.dynamicClientRegistrationRequest(as, asked.metadata, options);
    client = await oauth.processDynamicClientRegistrationResponse(answered);
    authentication = client.client_secret ? oauth.ClientSecretPost(client.client_secret) : oauth.None();
    return client;
  },
  async bind(asked) {
    options = { ...http, DPoP: oauth.DPoP(client, await oauth.generateKeyPair(asked.alg ?? "ES256")) };
  },
  async begin(asked) {
    kept = {
      redirect_uri: asked.redirect_uri,
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
    };
    let parameters = {
      client_id: client.client_id,
      response_type: "code",
      redirect_uri: kept.redirect_uri,
      scope: asked.scope,
      state: kept.state,
      nonce: kept.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(kept.verifier),
      code_challenge_method: "S256",
      ...asked.parameters,
    };
    if (asked.signed_with) {
      const key = await privateKey(asked.signed_with);
      const request = await oauth.issueRequestObject(as, client, parameters, key);
      parameters = { client_id: client.client_id, request };
    }
    if (asked.pushed) {
      const pushed = await withNonce(() =>
        oauth.pushedAuthorizationRequest(as, client, authentication, parameters, options).then((answered) =>
          oauth.processPushedAuthorizationResponse(as, client, answered),
        ),
      );
      parameters = { client_id: client.client_id, request_uri: pushed.request_uri };
    }
    const url = new URL(as.authorization_endpoint);
    url.search = new URLSearchParams(parameters).toString();
    return url;
  },
  async finish(asked) {
    const given = oauth.validateAuthResponse(as, client, new URL(asked.callback), kept.state); // `iss` and `state`
    const { verifier, redirect_uri, nonce } = kept;
    const checks = { expectedNonce: nonce, requireIdToken: true, ...http };
    return withNonce(async () => {
      const answered = await oauth.authorizationCodeGrantRequest(
        as, client, authentication, given, redirect_uri, verifier, options,
      );
      const tokens = await oauth.processAuthorizationCodeResponse(as, client, answered, checks);
      await signed(answered, tokens);
      return told(tokens);
    });
  },
  async refresh(asked) {
    return withNonce(async () => {
      const answered = await oauth.refreshTokenGrantRequest(as, client, authentication, asked.refresh_token, options);
      const tokens = await oauth.processRefreshTokenResponse(as, client, answered);
      await signed(answered, tokens);
      return told(tokens);
    });
  },
  async userinfo(asked) {
    return withNonce(async () => {
      const answered = await oauth.userInfoRequest(as, client, asked.access_token, options);
      const told = await oauth.processUserInfoResponse(as, client, asked.sub, answered);
      if (client.userinfo_signed_response_alg) await oauth.validateApplicationLevelSignature(as, answered, http);
      return told;
    });
  },
  async access_token(asked) {
    // RFC 9068, as a resource server reads it
    const headers = { authorization: `Bearer ${asked.access_token}` };
    const request = new Request(asked.audience, { headers });
    return oauth.validateJwtAccessToken(as, request, asked.audience, http);
  },
  async revoke(asked) {
    const answered = await oauth.revocationRequest(as, client, authentication, asked.token, {
      ...http,
      additionalParameters: asked.parameters,
    });
    await oauth.processRevocationResponse(answered);
  },
  async introspect(asked) {
    const answered = await oauth.introspectionRequest(as, client, authentication, asked.token, {
      ...http,
      requestJwtResponse: asked.jwt ?? false,
      additionalParameters: asked.parameters,
    });
    const introspected = await oauth.processIntrospectionResponse(as, client, answered);
    if (asked.jwt) await oauth.validateApplicationLevelSignature(as, answered, http);
    return introspected;
  },
  async client_credentials(asked) {
    return withNonce(async () => {
      const answered = await oauth.clientCredentialsGrantRequest(
        as, client, authentication, asked.parameters, options,
      );
      return oauth.processClientCredentialsResponse(as, client, answered);
    });
  },
  async device(asked) {
    const answered = await oauth.deviceAuthorizationRequest(as, client, authentication, asked.parameters, http);
    return oauth.processDeviceAuthorizationResponse(as, client, answered);
  },
  async device_poll(asked) {
    return withNonce(async () => {
      const answered = await oauth.deviceCodeGrantRequest(
        as, client, authentication, asked.device.device_code, options,
      );
      return told(await oauth.processDeviceCodeResponse(as, client, answered));
    });
  },
});

// The signature of the ID token, by the keys of `jwks_uri`: TLS would do without it (OpenID Connect Core §3.1.3.7).
async function signed(answered, tokens) {
  if (tokens.id_token) await oauth.validateApplicationLevelSignature(as, answered, http);
}

function told(tokens) {
  return { ...tokens, claims: oauth.getValidatedIdTokenClaims(tokens) ?? null, verifier: kept.verifier };
}

// RFC 9449 §8: asked for a nonce, the client asks once more with it.
async function withNonce(ask) {
  try {
    return await ask();
  } catch (error) {
    if (oauth.isDPoPNonceError(error)) return ask();
    throw error;
  }
}

async function privateKey(jwk) {
  const algorithm = { name: "ECDSA", namedCurve: jwk.crv };
  return { key: await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]), kid: jwk.kid };
}

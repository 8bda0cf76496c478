// aws-jwt-verify: how programs behind Amazon Cognito check its tokens; `JwtVerifier`, since `CognitoJwtVerifier` knows no
// other issuer.

import { JwtVerifier } from "aws-jwt-verify";
import { validateCognitoJwtFields } from "aws-jwt-verify/cognito-verifier";
import { SimpleJwksCache } from "aws-jwt-verify/jwk";
import { answer } from "./conversation.mjs";

// Its own fetcher speaks https alone; this one is its documented replacement, for http on loopback.
const fetches = [];
const overHttp = {
  async fetch(uri) {
    const answered = await fetch(uri);
    fetches.push(`${answered.status} ${uri}`);
    return answered.arrayBuffer();
  },
};
let verifier;

await answer({
  async trust(asked) {
    verifier = JwtVerifier.create(
      {
        issuer: asked.issuer,
        audience: null, // Cognito's access tokens have none; `validateCognitoJwtFields` looks at `aud` and `client_id`
        jwksUri: asked.jwks_uri,
        customJwtCheck: ({ header, payload, jwk }) => {
          if (header.kid !== jwk.kid) throw new Error("another key");
          validateCognitoJwtFields(payload, {
            tokenUse: asked.token_use,
            clientId: asked.client_id,
            groups: asked.groups ?? null,
          });
        },
      },
      { jwksCache: new SimpleJwksCache({ fetcher: overHttp }) },
    );
  },
  async verify(asked) {
    return verifier.verify(asked.token);
  },
  async fetched() {
    return fetches;
  },
});

// A real OpenID Connect provider (oidc-provider) on a free loopback port, with accounts of its own; it prints its issuer when it can be asked.
//
//   node provider.mjs SECRET [PEM]      over TLS where a file with certificate and key is named
//
// POST /control {"lie": NAME | null} says what is wrong from now on with the ID tokens that it gives out. Everything else is the provider's own: its keys, its codes, its PKCE, its cookies.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import * as jose from "jose";
import { Provider } from "oidc-provider";

const SECRET = process.argv[2];
const ACCOUNTS = {
  "k.jones": { password: "a sergeant's words", roles: ["everybody", "bwc-sergeants"] },
  "v.iewer": { password: "a viewer's words", roles: ["bwc-viewers"] },
  "o.ps": { password: "an engineer's words", roles: ["bwc-support"] },
  "n.obody": { password: "nobody's words", roles: ["everybody"] },
  '"><script>alert(1)</script>': { password: "evil words", roles: ["bwc-sergeants"] },
};

const { privateKey, publicKey } = await jose.generateKeyPair("RS256", { extractable: true });
const strange = await jose.generateKeyPair("RS256", { extractable: true });
const jwk = { ...(await jose.exportJWK(privateKey)), kid: "signing", use: "sig", alg: "RS256" };

const pem = process.argv[3] && readFileSync(process.argv[3]);
const server = pem ? createTlsServer({ cert: pem, key: pem }) : createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `${pem ? "https" : "http"}://127.0.0.1:${server.address().port}`;
const back = "login/elsewhere/back";
const native = [`http://127.0.0.1/${back}`, `http://localhost/${back}`];

const provider = new Provider(issuer, {
  clients: [
    { client_id: "dockd", client_secret: SECRET, application_type: "native", redirect_uris: native },
    { client_id: "another", client_secret: SECRET, application_type: "native", redirect_uris: native },
  ],
  jwks: { keys: [jwk] },
  cookies: { keys: ["a test's"] },
  claims: { openid: ["sub"], profile: ["preferred_username", "roles"] },
  conformIdTokenClaims: false, // the claims of a scope stand in the ID token
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 3600, Grant: 3600 },
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: () => ({ sub, preferred_username: sub, roles: ACCOUNTS[sub]?.roles }),
  }),
  async loadExistingGrant(ctx) {
    const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope(ctx.oidc.params.scope ?? "openid");
    await grant.save();
    return grant;
  },
});

const now = () => Math.floor(Date.now() / 1000);
const signed = (claims, key = privateKey, header = { alg: "RS256", kid: "signing" }) =>
  new jose.SignJWT(claims).setProtectedHeader(header).sign(key);
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

const LIES = {
  "alg none": (claims) => `${part({ alg: "none" })}.${part(claims)}.`,
  "the public key as a secret": async (claims) => {
    const text = `${part({ alg: "HS256", kid: "signing" })}.${part(claims)}`;
    const known = await jose.exportSPKI(publicKey);
    return `${text}.${createHmac("sha256", known).update(text).digest("base64url")}`;
  },
  expired: (claims) => signed({ ...claims, iat: now() - 7200, exp: now() - 3600 }),
  "another audience": (claims) => signed({ ...claims, aud: "another" }),
  "another party": (claims) => signed({ ...claims, aud: ["dockd", "another"], azp: "another" }),
  "another issuer": (claims) => signed({ ...claims, iss: "https://login.example.org" }),
  "another nonce": (claims) => signed({ ...claims, nonce: "another" }),
  "no nonce": ({ nonce: _nonce, ...claims }) => signed(claims),
  "another access token": (claims) => signed({ ...claims, at_hash: "AAAAAAAAAAAAAAAAAAAAAA" }),
  "another key": (claims) => signed(claims, strange.privateKey),
  "another key that is not published": (claims) => signed(claims, strange.privateKey, { alg: "RS256", kid: "strange" }),
  "more roles, unsigned": (claims, token) => {
    const [head, , signature] = token.split(".");
    return `${head}.${part({ ...claims, roles: ["bwc-support"] })}.${signature}`;
  },
};
let lie = null;

async function body(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

async function signIn(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (details.prompt.name === "consent") return provider.interactionFinished(request, response, { consent: {} }, { mergeWithLastSubmission: true });
  if (request.method === "GET") {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    return response.end(
      '<!doctype html><html lang="en"><title>The force</title><form method="post"><label>Name <input name="name"></label>' +
        '<label>Password <input name="password" type="password"></label><button>Sign in</button></form>',
    );
  }
  const form = new URLSearchParams(await body(request));
  const account = ACCOUNTS[form.get("name")];
  const result =
    account?.password === form.get("password")
      ? { login: { accountId: form.get("name") } }
      : { error: "access_denied", error_description: "not today" };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function control(request, response) {
  const wanted = JSON.parse(await body(request));
  if (wanted.lie !== undefined) lie = wanted.lie;
  if (lie !== null && !LIES[lie]) throw new Error(`no such lie: ${lie}`);
  response.end("{}");
}

function lied(response) {
  const chunks = [];
  const end = response.end.bind(response);
  response.write = (chunk) => chunks.push(Buffer.from(chunk));
  response.end = async (chunk) => {
    if (chunk) chunks.push(Buffer.from(chunk));
    const answer = JSON.parse(Buffer.concat(chunks).toString());
    if (answer.id_token) answer.id_token = await LIES[lie](jose.decodeJwt(answer.id_token), answer.id_token);
    const text = Buffer.from(JSON.stringify(answer));
    response.setHeader("Content-Length", text.length);
    end(text);
  };
}

const callback = provider.callback();
server.on("request", (request, response) => {
  const path = request.url.split("?")[0];
  const done = (error) => {
    console.error(error);
    response.statusCode = 500;
    response.end();
  };
  if (path === "/control") return void control(request, response).catch(done);
  if (path.startsWith("/sign-in/")) return void signIn(request, response).catch(done);
  if (path === "/token" && lie !== null) lied(response);
  return callback(request, response);
});
console.log(issuer);

// The REST API of the built server against a real registry: from Python's own HTTP library, and from a browser that opens the API browser.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { alice, startBasicRegistry } from '../../e2e/support/registries.ts';
import type { RealRegistry } from '../../e2e/support/registries.ts';
import { startServer } from '../../e2e/support/server.ts';
import type { RegwayServer } from '../../e2e/support/server.ts';

/** A client as people write it, with nothing but what comes with Python. */
const pythonClient = `
import base64, json, os, sys, urllib.error, urllib.parse, urllib.request
base, token, registry, user, password = (os.environ[name] for name in ("BASE", "TOKEN", "REGISTRY", "REGISTRY_USER", "REGISTRY_PASSWORD"))
def call(method, path, body=None):
    request = urllib.request.Request(base + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Basic " + base64.b64encode(("admin:" + token).encode()).decode())
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    print(json.dumps({"call": method + " " + path.split("?")[0].split("/")[1], "status": status, "body": json.loads(text) if text else None}))
def payload(secret, verify):
    return {"registry": registry, "registry_user": user, "registry_pass": secret, "registry_type": "docker_v2", "registry_verify": verify, "registry_name": registry}
name = "/registries/" + urllib.parse.quote(registry, "")
call("GET", "/")
call("POST", "/registries?validate=True", payload("wrong", False))
call("POST", "/registries?validate=True", payload(password, False))
call("POST", "/registries?validate=True", payload(password, False))
call("GET", "/registries")
call("GET", name)
call("PUT", name + "?validate=False", payload("changed-unchecked", False))
call("PUT", name + "?validate=true", {"registry_pass": password, "registry_name": "Team A"})
call("DELETE", name)
call("DELETE", name)
`;

/** In milliseconds. Pages need seconds on a free core and many times that on busy ones. */
const pageTimeoutMs = 90_000;

let registry: RealRegistry;
let server: RegwayServer;
let browser: Browser;

beforeAll(async () => {
  registry = await startBasicRegistry([alice]);
  server = await startServer();
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await registry?.stop();
});

test('a Python client adds, lists, gets, updates and deletes, and reads why it was refused', async () => {
  const text = `${registry.host}/team-a/*`;
  const environment = {
    BASE: `${server.url}/api/v2`,
    TOKEN: server.firstToken(),
    REGISTRY: text,
    REGISTRY_USER: alice.username,
    REGISTRY_PASSWORD: alice.password,
  };
  const { stdout } = await promisify(execFile)('python3', ['-c', pythonClient], {
    env: { PATH: process.env['PATH'], ...environment },
  });
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { call: string; status: number; body: unknown });
  expect(answers.map(({ call, status }) => `${call} ${status}`)).toEqual([
    'GET  200',
    'POST registries 406',
    'POST registries 200',
    'POST registries 409',
    'GET registries 200',
    'GET registries 200',
    'PUT registries 200',
    'PUT registries 200',
    'DELETE registries 204',
    'DELETE registries 404',
  ]);
  expect(answers[1]?.body).toMatchObject({
    httpcode: 406,
    error_type: 'VALIDATION_FAILED',
    detail: { reason: 'INVALID_CREDENTIALS', field: 'registry_pass' },
  });
  expect(answers[4]?.body).toMatchObject([
    { registry: text, registry_user: 'alice', registry_verify: false, registry_name: text },
  ]);
  expect(answers[7]?.body).toMatchObject([{ registry_name: 'Team A', registry_verify: false }]);
  expect(stdout + server.output()).not.toContain(alice.password);
});

async function openDocs(): Promise<{ page: Page; requests: string[]; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1300, height: 1000 } });
  page.setDefaultTimeout(pageTimeoutMs);
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  await page.exposeFunction('reportViolation', (text: string) => complaints.push(`policy: ${text}`));
  await page.addInitScript(
    "document.addEventListener('securitypolicyviolation', (event) => reportViolation(event.violatedDirective + ' ' + event.blockedURI))",
  );
  await page.goto(`${server.url}/api/docs`);
  return { page, requests, complaints };
}

test('the API browser shows the operations, signs in and runs them, loading nothing from elsewhere and breaking no policy', async () => {
  const { page, requests, complaints } = await openDocs();
  const operation = (id: string) => page.locator(`#operations-Registries-${id}`);
  await operation('delete_registry').waitFor();
  expect(await page.locator('[id^=operations-Registries-]').count()).toBe(5);

  await page.locator('.btn.authorize').first().click();
  await page.locator('.auth-container input').first().fill(server.firstToken());
  await page.locator('.auth-btn-wrapper .authorize').first().click();
  await page.locator('.close-modal').click();

  const run = async (id: string, before = async (): Promise<void> => undefined): Promise<string> => {
    await operation(id).locator('.opblock-summary-control').click();
    await operation(id).locator('.try-out__btn').click();
    await before();
    await operation(id).locator('.execute').click();
    return operation(id).locator('.live-responses-table .response .response-col_description').first().innerText();
  };
  const body = {
    registry: registry.host,
    registry_user: alice.username,
    registry_pass: alice.password,
    registry_verify: false,
  };
  const created = await run('create_registry', () =>
    operation('create_registry').locator('textarea').first().fill(JSON.stringify(body)),
  );
  expect(created).toContain(`"registry": "${registry.host}"`);
  expect(await run('list_registries')).toContain(`"registry": "${registry.host}"`);

  expect(new Set(requests.map((url) => new URL(url).origin))).toEqual(new Set([server.url]));
  expect(complaints).toEqual([]);
  expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])')).not.toContain('rgw_');
});

test('a call without a login shows the 401 in the page, not in a dialog of the browser', async () => {
  const { page } = await openDocs();
  const operation = page.locator('#operations-Registries-list_registries');
  await operation.locator('.opblock-summary-control').click();
  await operation.locator('.try-out__btn').click();
  await operation.locator('.execute').click();
  expect(await operation.locator('.live-responses-table').innerText()).toContain('UNAUTHENTICATED');
});

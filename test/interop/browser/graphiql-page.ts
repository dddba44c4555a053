// Drives GraphiQL in Chromium as a person would: types a document and variables, presses the button, reads the answer.

import { chromium } from 'playwright-core';
import type { Page, Response } from 'playwright-core';

export interface GraphiqlPage {
  readonly page: Page;
  /** Addresses that the page and its workers asked for. */
  readonly requests: readonly string[];
  /** Violations of the content security policy, errors thrown in the page, and errors on its console. */
  readonly complaints: readonly string[];
  /** Types and runs one operation, and waits until the page shows `shown`. Gives the response; that of a stream cannot be read again. */
  run(document: string, variables: object, shown: string): Promise<Response>;
  close(): Promise<void>;
}

/** The two editors and the answer are Monaco editors; it draws spaces as no-break spaces. */
const operationEditor = '.graphiql-query-editor .monaco-editor, .graphiql-editor .monaco-editor';
const variablesEditor = '.graphiql-editor-tools .monaco-editor, .graphiql-editor-tool .monaco-editor';
const answerLines = '.graphiql-response .view-lines, .result-window .view-lines';

/** In milliseconds. Opening needs seconds on a free core and many times that on busy ones. */
const pageTimeoutMs = 90_000;

/** Opens the address and waits until the page can run an operation. */
export async function openGraphiql(address: string): Promise<GraphiqlPage> {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true });
  const page = await browser.newPage({ viewport: { width: 1400, height: 1200 } });
  page.setDefaultTimeout(pageTimeoutMs);
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || /content security policy/i.test(message.text())) {
      complaints.push(`console: ${message.text()}`);
    }
  });
  await page.exposeFunction('reportViolation', (text: string) => complaints.push(`policy: ${text}`));
  await page.addInitScript(`document.addEventListener('securitypolicyviolation', (event) =>
    reportViolation(event.violatedDirective + ' ' + event.blockedURI))`);
  await page.goto(address);
  await page.locator('.graphiql-execute-button').waitFor();
  await page.locator(operationEditor).first().waitFor();
  return {
    page,
    requests,
    complaints,
    async run(document, variables, shown) {
      await type(page, operationEditor, document.replaceAll(/\s+/g, ' '));
      await type(page, variablesEditor, JSON.stringify(variables));
      const [response] = await Promise.all([
        page.waitForResponse((candidate) => isOperation(candidate)),
        page.locator('.graphiql-execute-button').click(),
      ]);
      await page.waitForFunction(
        ([selector, text]) =>
          [...globalThis.document.querySelectorAll(selector)].some((element) =>
            (element.textContent ?? '').replaceAll('\u00a0', ' ').includes(text),
          ),
        [answerLines, shown] as const,
      );
      return response;
    },
    close: () => browser.close(),
  };
}

async function type(page: Page, editor: string, text: string): Promise<void> {
  await page.locator(editor).first().click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

/** GraphiQL also queries the schema by itself. */
function isOperation(response: Response): boolean {
  const body = response.request().postData() ?? '';
  return response.request().method() === 'POST' && !body.includes('IntrospectionQuery');
}

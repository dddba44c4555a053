// The page around GraphiQL: keeps the token of this tab, sends it with every request, and says who is signed in.

const endpoint = '/graphql';
const tokenKey = 'regway.token';
const assets = new URL('.', document.currentScript.src);
const version = new URL(document.currentScript.src).search;

const tour = `# Regway in five minutes
#
# Put the cursor into an operation and press
# Ctrl-Enter, or press the play button and choose.
# The book icon on the left explains every field.
# Operations with $input take it from Variables
# below: put your registry there first.

# 1. Who am I?
query WhoAmI {
  principal { subject account role expiresAt }
}

# 2. Does this credential work? Each step is shown
# as it ends; nothing is stored.
subscription Check($input: CreateRegistryInput!) {
  registryCheck(input: $input) {
    step { kind status message durationMs }
    report { outcome message hint realmHost }
  }
}

# 3. Store it, unless the registry refuses it.
mutation Add($input: CreateRegistryInput!) {
  createRegistry(input: $input) {
    registry { id registry name }
    validation { outcome message hint }
    errors { code reason message field }
  }
}

# 4. What is stored? The password never comes back.
query List {
  registries(first: 10) {
    totalCount
    nodes {
      id registry name type username
      lastValidation { outcome checkedAt }
    }
    pageInfo { hasNextPage endCursor }
  }
}

# 5. Which credential would a pull of this image
# use, and why?
query Which {
  image(reference: "anchore/grype:latest") {
    reference
    registry { registry username }
    candidates { registry { registry } matched reason }
  }
}

# 6. Change it, check it again, delete it: with the
# id from step 3 or 4.
mutation Rename {
  updateRegistry(
    id: "reg_…"
    input: { name: "Anchore" }
  ) {
    registry { name updatedAt }
    errors { code message }
  }
}

mutation Validate {
  validateRegistry(id: "reg_…") {
    validation {
      outcome message
      steps { kind status message }
    }
    errors { code message }
  }
}

mutation Delete {
  deleteRegistry(id: "reg_…") {
    deletedId
    errors { code message }
  }
}
`;

const tourVariables = JSON.stringify(
  { input: { registry: 'docker.io/anchore/*', username: 'me', password: 'an access token' } },
  null,
  2,
);

const element = (id) => document.getElementById(id);

takeTokenFromAddress();
wireBar();
const signedIn = showSession();
window.self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_module, label) => workerUrl(label) };
window.addEventListener('load', () => {
  void signedIn.then((isSignedIn) => isSignedIn && showGraphiql());
});
window.addEventListener('hashchange', () => {
  if (takeTokenFromAddress()) window.location.reload();
});

/** A link of the form #token=… signs in. The fragment never reaches a server; here it leaves the address and the history. */
function takeTokenFromAddress() {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token');
  if (token === null) return false;
  window.sessionStorage.setItem(tokenKey, token.trim());
  window.history.replaceState(null, '', window.location.pathname + window.location.search);
  return true;
}

function currentToken() {
  return window.sessionStorage.getItem(tokenKey);
}

/** Asks our endpoint, with the token of this tab unless a header typed into GraphiQL says otherwise. */
async function ask(parameters, headers = {}) {
  const token = currentToken();
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(parameters),
  });
  if (response.status === 401) signOut('That token is not valid (any more). Sign in with another one.');
  return response;
}

/** What GraphiQL calls to run an operation: one answer, or the messages of a subscription as they come. */
async function fetcher({ query, variables, operationName }, { headers } = {}) {
  const response = await ask({ query, variables, operationName }, headers);
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
  return isStream ? messages(response.body) : response.json();
}

/** The data of each `next` event (Server-Sent Events, one `data:` line each). */
async function* messages(body) {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const events = text.split('\n\n');
    text = events.pop();
    for (const event of events) {
      const data = event.match(/^event: next\ndata: (.*)$/m)?.[1];
      if (data !== undefined) yield JSON.parse(data);
    }
  }
}

function wireBar() {
  element('sign-in').addEventListener('submit', (event) => {
    event.preventDefault();
    window.sessionStorage.setItem(tokenKey, element('token').value.trim());
    window.location.reload();
  });
  element('sign-out').addEventListener('click', () => {
    window.sessionStorage.clear();
    window.location.reload();
  });
}

/** Asks who the token of this tab belongs to, and shows it; false when there is none or it is refused. */
async function showSession() {
  if (currentToken() === null) {
    showBar(null);
    return false;
  }
  const response = await ask({ query: '{ principal { subject account role } }' });
  if (response.status === 401) return false;
  const { data } = await response.json();
  showBar(data?.principal ?? null);
  return true;
}

function showBar(principal) {
  const isSignedIn = principal !== null;
  element('sign-in').hidden = isSignedIn;
  element('signed-in').hidden = !isSignedIn;
  if (isSignedIn)
    element('who').textContent = `${principal.subject} · ${principal.role} · account ${principal.account}`;
  // Both are gone once GraphiQL has taken their place.
  element('welcome')?.toggleAttribute('hidden', isSignedIn);
  element('loading')?.toggleAttribute('hidden', !isSignedIn);
}

function signOut(reason) {
  window.sessionStorage.removeItem(tokenKey);
  element('notice').textContent = reason;
  element('notice').hidden = false;
  showBar(null);
}

function workerUrl(label) {
  const names = { editorWorkerService: 'editor.worker.js', json: 'json.worker.js', graphql: 'graphql.worker.js' };
  return new URL(names[label] + version, assets).href;
}

function showGraphiql() {
  const storage = tabStorage();
  const isFirstVisit = storage.getItem('graphiql:tabState') === null;
  window.YogaGraphiQL.renderYogaGraphiQL(element('graphiql'), {
    fetcher,
    title: 'GraphiQL',
    logo: '',
    defaultTabs: [{ query: tour, variables: tourVariables }],
    shouldPersistHeaders: false,
    ...(isFirstVisit ? { variables: tourVariables } : {}),
    storage,
    // GraphiQL would put each keystroke into the address, passwords too.
    onEditQuery: () => undefined,
  });
}

/** What is typed may hold passwords: it stays in this tab and ends with it. */
function tabStorage() {
  const store = window.sessionStorage;
  const prefix = 'regway.graphiql.';
  const keys = () => Object.keys(store).filter((key) => key.startsWith(prefix));
  return {
    getItem: (key) => store.getItem(prefix + key),
    setItem: (key, value) => store.setItem(prefix + key, value),
    removeItem: (key) => store.removeItem(prefix + key),
    clear: () => keys().forEach((key) => store.removeItem(key)),
    get length() {
      return keys().length;
    },
  };
}

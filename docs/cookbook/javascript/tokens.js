// A browser's side of a session. No dependency; needs IndexedDB and WebCrypto, so https or localhost.
//
//   const session = new Session({ base: "/auth/", clientId: "web" });
//   await session.login("ada", "s3cret-enough");
//   const answer = await session.fetch("/orders/");
//
// One store for each session, shared by all tabs. The rules that matter are marked (1) to (4); the server
// cannot tell a client that breaks them from a thief.

/** The session is over: send the user to the login. */
export class LoggedOut extends Error {
  constructor() {
    super("The session is over.");
    this.name = "LoggedOut";
  }
}

/** Nobody answered, or not now. The session goes on; try again later. */
export class Unavailable extends Error {
  constructor(reason) {
    super(`The server does not answer: ${reason}`);
    this.name = "Unavailable";
  }
}

/** The server refused what was asked, for example a wrong password. */
export class Refused extends Error {
  constructor(answer) {
    super(answer.error_description ?? answer.error);
    this.name = "Refused";
    this.answer = answer;
  }
}

const TRIES = 4;
const TIMEOUT = 15_000;
/** Milliseconds before its expiry from which an access token is not used any more. */
const MARGIN = 15_000;

export class Session {
  #base;
  #clientId;
  #store;
  #locks;

  /**
   * @param {object} options
   * @param {string} options.base Where the site has put tokenauth's URLs.
   * @param {string} options.clientId
   * @param {LockManager?} options.locks Web Locks; without them tabs may refresh at once, which is
   *   allowed and costs a request more.
   */
  constructor({ base, clientId, locks = globalThis.navigator?.locks ?? null }) {
    this.#base = new URL(base, globalThis.location?.href);
    this.#clientId = clientId;
    this.#locks = locks;
    this.#store = new Store(`${this.#base.href}|${clientId}`);
  }

  /** Whether somebody is logged in, as far as this browser knows. */
  async isLoggedIn() {
    return (await this.#store.read()) !== null;
  }

  /**
   * Log in; what was stored before is replaced.
   * @param {object} more `scope`, `audience`, `device: { id, name, platform }`.
   * @returns null, or `{ challenge, methods }` where another step is needed: see `continueLogin`.
   */
  login(username, password, more = {}) {
    return this.#loggedIn("login/", { username, password, ...more });
  }

  /** The second step of a login. */
  continueLogin(challenge, method, response) {
    return this.#loggedIn("login/continue/", { challenge, method, response });
  }

  /** As `fetch`, with an access token that is refreshed when it has to be. */
  async fetch(url, init = {}) {
    let held = await this.#usable();
    let answer = await fetch(url, withBearer(init, held));
    if (answer.status === 401 && answer.headers.get("WWW-Authenticate")?.includes("invalid_token")) {
      held = await this.refresh(held);
      answer = await fetch(url, withBearer(init, held));
    }
    return answer;
  }

  /**
   * Exchange the refresh token, unless another tab has done it already.
   * @param {object?} known What the caller found too old; without it, what the store holds.
   * @returns What the store holds now.
   */
  async refresh(known = null) {
    const old = known ?? (await this.#held());
    return this.#alone(async () => {
      const held = await this.#held(); // read again: the lock may have taken long to get
      return held.stamp === old.stamp ? this.#exchange(held) : held;
    });
  }

  /** Forget the tokens here, then tell the server. */
  async logout() {
    const held = await this.#alone(async () => {
      const last = await this.#store.read();
      if (last !== null) await this.#store.clear(last.stamp);
      return last;
    });
    if (held === null) return;
    await this.#post("token/revoke/", {
      body: new URLSearchParams({ token: held.refresh, client_id: this.#clientId }),
      keepalive: true,
    });
  }

  async #loggedIn(path, what) {
    const answer = await this.#post(path, {
      body: JSON.stringify({ client_id: this.#clientId, ...what }),
      headers: { "Content-Type": "application/json", "Idempotency-Key": newKey() },
    });
    if (answer.body.error === "interaction_required") return answer.body;
    if (answer.status !== 200) throw new Refused(answer.body);
    await this.#store.replace(heldFrom(answer.body));
    return null;
  }

  async #exchange(old) {
    // (1) the key is stored beside the token before anything is sent: every retry, after a crash and
    // from another tab too, sends the same
    const held = await this.#store.withKey(old, newKey());
    if (held.stamp !== old.stamp) return held; // another tab was faster
    const answer = await this.#post("token/refresh/", {
      body: new URLSearchParams({ refresh_token: held.refresh, client_id: this.#clientId }),
      headers: { "Idempotency-Key": held.key },
    });
    if (answer.status === 200) {
      // (2) written only if the store still holds the token that was sent, (3) and before it is used
      await this.#store.replace(heldFrom(answer.body), held.stamp);
    } else if (answer.body.reauthenticate) {
      await this.#store.clear(held.stamp);
    } else {
      throw new Refused(answer.body);
    }
    return this.#held(); // another tab's, where that was faster
  }

  async #held() {
    const held = await this.#store.read();
    if (held === null) throw new LoggedOut();
    return held;
  }

  async #usable() {
    const held = await this.#held();
    return held.expires - MARGIN > Date.now() ? held : this.refresh(held);
  }

  /** POST, and after a lost answer, a 429 or a 5xx (4) the same request again: it consumed nothing. */
  async #post(path, init) {
    let reason;
    for (let tried = 0; tried < TRIES; tried++) {
      let wait = 250 * 2 ** tried * (0.5 + Math.random());
      try {
        const answer = await fetch(new URL(path, this.#base), {
          method: "POST",
          credentials: "omit",
          cache: "no-store",
          signal: AbortSignal.timeout(TIMEOUT),
          ...init,
        });
        if (answer.status !== 429 && answer.status < 500) {
          const text = await answer.text();
          return { status: answer.status, body: text ? JSON.parse(text) : {} };
        }
        reason = answer.status;
        wait = Math.max(wait, 1000 * Number(answer.headers.get("Retry-After") ?? 0));
      } catch (failure) {
        reason = failure.name;
      }
      if (tried + 1 < TRIES) await new Promise((resolve) => setTimeout(resolve, wait));
    }
    throw new Unavailable(reason);
  }

  #alone(work) {
    return this.#locks ? this.#locks.request(`tokenauth:${this.#store.name}`, work) : work();
  }
}

/**
 * What one session holds, in IndexedDB. The refresh token lies there under a key that this browser can use
 * and nobody can read out of it.
 *
 * Each token that is written gets a stamp of its own, by which later writes find out whether it still is
 * the one they are about.
 */
class Store {
  constructor(name) {
    this.name = name;
    this.opened = null;
    this.wrapping = null;
  }

  /** What is held, the token opened; null where nobody is logged in. */
  async read() {
    const record = await this.#ask("readonly", (records) => records.get(this.name));
    return record === undefined ? null : this.#opened(record);
  }

  /** Put new tokens in; with `ifStamp` only if that is what the store still holds. */
  async replace({ refresh, ...rest }, ifStamp = null) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const bytes = new TextEncoder().encode(refresh);
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await this.#key(), bytes);
    const record = { ...rest, iv, sealed, stamp: crypto.randomUUID() };
    await this.#change((held) => (ifStamp === null || held?.stamp === ifStamp ? record : held));
  }

  /** Store a key for the next exchange beside the token, unless one is there; return what is held. */
  async withKey(known, fresh) {
    const record = await this.#change((held) => {
      if (held?.stamp !== known.stamp || held.key) return held;
      return { ...held, key: fresh };
    });
    if (record === undefined) throw new LoggedOut();
    return this.#opened(record);
  }

  /** Forget everything, if that is what the store still holds. */
  async clear(ifStamp) {
    await this.#change((held) => (held?.stamp === ifStamp ? undefined : held));
  }

  async #opened({ iv, sealed, ...rest }) {
    const key = await this.#key();
    const bytes = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed);
    return { ...rest, refresh: new TextDecoder().decode(bytes) };
  }

  /** Read, decide and write in one transaction: no other tab comes in between. */
  async #change(decide) {
    let after;
    await this.#ask("readwrite", (records) => {
      const reading = records.get(this.name);
      reading.onsuccess = () => {
        after = decide(reading.result);
        if (after === reading.result) return;
        if (after === undefined) records.delete(this.name);
        else records.put(after, this.name);
      };
      return reading;
    });
    return after;
  }

  #key() {
    return (this.wrapping ??= this.#wrapping());
  }

  async #wrapping() {
    const wanted = { name: "AES-GCM", length: 256 };
    const fresh = await crypto.subtle.generateKey(wanted, false, ["encrypt", "decrypt"]);
    let key;
    await this.#ask("readwrite", (records) => {
      const reading = records.get("wrapping key");
      reading.onsuccess = () => {
        key = reading.result ?? fresh;
        if (key === fresh) records.put(fresh, "wrapping key");
      };
      return reading;
    });
    return key;
  }

  async #ask(mode, ask) {
    this.opened ??= opened();
    const transaction = (await this.opened).transaction("records", mode, { durability: "strict" });
    const request = ask(transaction.objectStore("records"));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("tokenauth", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("records");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

function heldFrom(body) {
  return {
    refresh: body.refresh_token,
    access: body.access_token,
    expires: Date.now() + 1000 * body.expires_in,
    session: body.session_id,
  };
}

function withBearer(init, held) {
  const headers = new Headers(init.headers);
  headers.set("Authorization", `Bearer ${held.access}`);
  return { ...init, headers };
}

function newKey() {
  return crypto.randomUUID();
}

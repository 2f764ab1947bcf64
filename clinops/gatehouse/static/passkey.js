// Asks a passkey, and hands its answer to the form. The server makes every challenge and judges
// every answer; nothing is decided here.
"use strict";

const FAILED = {
  NotAllowedError: "The passkey was not used: it was cancelled, or took too long.",
  InvalidStateError: "This device has a passkey of yours already.",
  SecurityError: "Passkeys do not work at this address.",
};

const decoded = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const encoded = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const known = (credentials) =>
  (credentials || []).map((one) => ({ type: one.type, id: decoded(one.id) }));

async function challenged(form) {
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.dataset.challenge, { method: "POST", body });
  if (answer.ok) return answer.json();
  const said = new DOMParser().parseFromString(await answer.text(), "text/html");
  throw new Error(said.querySelector("main .lead")?.textContent || "The gatehouse does not answer.");
}

async function asked(form) {
  const options = await challenged(form);
  options.challenge = decoded(options.challenge);
  if (form.dataset.ceremony === "create") {
    options.user.id = decoded(options.user.id);
    options.excludeCredentials = known(options.excludeCredentials);
    return navigator.credentials.create({ publicKey: options });
  }
  options.allowCredentials = known(options.allowCredentials);
  return navigator.credentials.get({ publicKey: options });
}

function told(credential) {
  const response = {};
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]) {
    if (credential.response[part]) response[part] = encoded(credential.response[part]);
  }
  return { id: credential.id, rawId: encoded(credential.rawId), type: credential.type, response };
}

for (const form of document.querySelectorAll("form[data-challenge]")) {
  const button = form.querySelector("button");
  const failure = form.querySelector("[role=alert]");
  form.querySelector(".scriptless").remove();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    failure.textContent = "";
    try {
      if (!window.PublicKeyCredential) throw new Error("This browser knows no passkeys.");
      form.elements.answer.value = JSON.stringify(told(await asked(form)));
      form.submit();
    } catch (error) {
      failure.textContent = FAILED[error.name] || error.message;
      button.disabled = false;
    }
  });
}

// Makes and uses passkeys: the form carries what to ask the browser, and takes back what the browser answers.
const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
const toText = (buffer) =>
  buffer &&
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const known = (list) => (list ?? []).map((each) => ({ ...each, id: toBytes(each.id) }));

const make = async (asked) => {
  const user = { ...asked.user, id: toBytes(asked.user.id) };
  const publicKey = { ...asked, user, challenge: toBytes(asked.challenge), excludeCredentials: known(asked.excludeCredentials) };
  const { id, type, response } = await navigator.credentials.create({ publicKey });
  const { clientDataJSON, attestationObject } = response;
  return { id, rawId: id, type, response: { clientDataJSON: toText(clientDataJSON), attestationObject: toText(attestationObject) } };
};

const use = async (asked) => {
  const publicKey = { ...asked, challenge: toBytes(asked.challenge), allowCredentials: known(asked.allowCredentials) };
  const { id, type, response } = await navigator.credentials.get({ publicKey });
  const { clientDataJSON, authenticatorData, signature, userHandle } = response;
  const told = { clientDataJSON, authenticatorData, signature, userHandle };
  return { id, rawId: id, type, response: Object.fromEntries(Object.entries(told).map(([name, value]) => [name, toText(value)])) };
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const trouble = form.querySelector("[data-passkey-trouble]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble.textContent = "";
    if (!window.PublicKeyCredential) {
      trouble.textContent = "This browser has no passkeys. Sign in in another way.";
      return;
    }
    try {
      const asked = JSON.parse(form.dataset.options);
      const answer = await (form.dataset.passkey === "make" ? make : use)(asked);
      form.elements.credential.value = JSON.stringify(answer);
      form.submit();
    } catch {
      trouble.textContent = "No passkey was used. Try again when you are ready.";
    }
  });
}

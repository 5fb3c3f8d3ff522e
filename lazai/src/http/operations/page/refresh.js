const said = document.getElementById("said");
setInterval(async () => {
  if (document.hidden || !document.getElementById("live").checked) return;
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
    document.querySelector("main").replaceWith(page.querySelector("main"));
    said.textContent = "";
  } catch {
    said.textContent = "The node does not answer; what is shown is old.";
  }
}, 10000);

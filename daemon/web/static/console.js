// Conveniences. Every page works without them.

// Times in the zone of whoever reads them.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
for (const time of document.querySelectorAll("time[data-local]")) {
  time.title = time.textContent.trim();
  time.textContent = format.format(new Date(time.dateTime));
}

// One recording speaks at a time.
document.addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) {
    if (audio !== event.target) audio.pause();
  }
}, true);

// "/" goes to the search field, as in the helpdesk.
document.addEventListener("keydown", (event) => {
  const field = document.getElementById("ticket");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !field) return;
  if (event.target instanceof HTMLElement && event.target.closest("input, textarea, select, audio")) return;
  event.preventDefault();
  field.focus();
  field.select();
});

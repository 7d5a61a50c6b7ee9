package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"linewarden/recorder/client"
)

// browser is headless Chromium. It talks to this machine only, and ends with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: run \"make tools\", or install the package chromium")
	}
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1200, 860),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
	)...)
	t.Cleanup(cancel)
	ctx, cancelTab := chromedp.NewContext(allocator)
	t.Cleanup(cancelTab)
	return ctx
}

// TestConsole does what a support agent does: sign in, type a ticket, play the call.
func TestConsole(t *testing.T) {
	t.Parallel()
	p := startProcess(t, 20)
	if _, err := client.Place(t.Context(), client.Call{
		Server: p.sip["udp"], Transport: "udp", Duration: 3 * time.Second, Seed: 9, Headers: ticketHeader("C-1"),
		Caller: "+15550142", Callee: "+15550199",
	}); err != nil {
		t.Fatal(err)
	}
	id := p.waitStored("C-1", 1)[0].ID
	token := p.token("agent")

	ctx := browser(t)
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	do("open the ticket's page", chromedp.Navigate(p.url+"/?ticket=C-1"), chromedp.WaitVisible(css("#token")))
	do("send a wrong token", chromedp.SendKeys(css("#token"), "lw_wrong"), chromedp.Click(css("button.primary")), chromedp.WaitVisible(css("#token-error")))
	if said := ask(t, ctx, chromedp.Text(css("main"))); !strings.Contains(said, "not valid") {
		t.Errorf("a wrong token: %s", said)
	}
	do("sign in", chromedp.SendKeys(css("#token"), token), chromedp.Click(css("button.primary")), chromedp.WaitVisible(css("ol.recordings")))
	shot(t, ctx, "ticket")
	if at := ask(t, ctx, chromedp.Location()); strings.Contains(at, token) || !strings.HasSuffix(at, "/?ticket=C-1") {
		t.Errorf("after signing in the page is %s", strings.ReplaceAll(at, token, "(token)"))
	}
	if said := ask(t, ctx, chromedp.Text(css("main"))); !strings.Contains(said, "+15550142") || !strings.Contains(said, "1 recording") {
		t.Errorf("the ticket's page says:\n%s", said)
	}
	length := ask(t, ctx, chromedp.Evaluate[float64](`(async () => { const a = document.querySelector("audio"); a.muted = true;
		await new Promise((ok, no) => { a.onloadedmetadata = ok; a.onerror = () => no(a.error.message); a.load(); });
		return a.duration; })()`, chromedp.EvalAwaitPromise))
	played := ask(t, ctx, chromedp.Evaluate[float64](`(async () => { const a = document.querySelector("audio"); a.currentTime = 1.5;
		const ended = new Promise(ok => { a.onended = ok; }); await a.play(); await ended; return a.currentTime; })()`, chromedp.EvalAwaitPromise))
	if length < 2.9 || length > 3.2 || played < 2.9 {
		t.Errorf("a call of 3 s lasts %.2f s in the player, which stopped at %.2f", length, played)
	}
	do("open the recording's page", chromedp.Navigate(p.url+"/recordings/"+id), chromedp.WaitVisible(css("audio")))
	shot(t, ctx, "recording")
	do("look for a ticket without calls", chromedp.Navigate(p.url+"/?ticket=NOBODY-1"), chromedp.WaitVisible(css(".empty")))
	shot(t, ctx, "empty")
	if said := ask(t, ctx, chromedp.Text(css("main"))); !strings.Contains(said, "No recording is linked") {
		t.Errorf("a ticket without calls: %s", said)
	}
}

// css selects the first element that matches.
func css(selector string) chromedp.CSS { return chromedp.CSS(selector) }

// ask runs an action that answers.
func ask[T any](t *testing.T, ctx context.Context, question chromedp.Action[T]) T {
	t.Helper()
	answer, err := chromedp.Run(ctx, question)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// shot keeps a picture of the page in the folder that SCREENSHOTS names, for people to look at.
func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), ask(t, ctx, chromedp.CaptureScreenshot()), 0o600); err != nil {
		t.Error(err)
	}
}

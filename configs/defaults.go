package configs

import (
	"net/netip"
	"time"
)

const day = 24 * time.Hour

// defaults is what a file is read into: each key that it has replaces one of these.
func defaults() *Config {
	yes := true
	return &Config{
		SIP: SIP{
			Listen:        []Listener{{"udp", "127.0.0.1:5060"}, {"tcp", "127.0.0.1:5060"}},
			Allow:         []Prefix{{netip.MustParsePrefix("127.0.0.0/8")}, {netip.MustParsePrefix("::1/128")}},
			TicketHeaders: []string{"X-Ticket-ID"},
			UserToUser:    &yes,
			Drain:         Duration{10 * time.Second},
			MaxCall:       Duration{12 * time.Hour},
			MaxSessions:   2000,
		},
		RTP:   RTP{Ports: Ports{20000, 29999}},
		NATS:  NATS{Replicas: 1},
		API:   API{Listen: HostPort{"127.0.0.1:8080"}, Metrics: HostPortOrOff{"127.0.0.1:9464"}, Group: "linewarden", SocketRole: "agent"},
		Log:   Log{Level: "info", Format: "text"},
		Spool: Spool{MinFree: Size{1 << 30}},
		// What the privacy policy records calls for. The policy promises "no longer than the purpose needs", so the terms are
		// short: half a year of calls is enough to train with, a year shows whether service gets better, card fraud surfaces
		// within two, and orders given by telephone are disputed within three. Who needs longer says so in the file.
		Purposes: map[string]Purpose{
			"training":     {Keep: Duration{180 * day}},
			"service":      {Keep: Duration{year}},
			"fraud":        {Keep: Duration{2 * year}},
			"instructions": {Keep: Duration{3 * year}},
		},
	}
}

// settle sets the defaults that depend on what the file says.
func (c *Config) settle() {
	if c.S3 != nil && c.S3.Region == "" {
		c.S3.Region = "us-east-1"
	}
	if c.NATS.Listen.Address == "" && len(c.NATS.URL) == 0 {
		c.NATS.Listen.Address = "127.0.0.1:4222"
	}
	if c.Routes == nil {
		c.Routes = []Route{{Name: "all", Purposes: keys(c.Purposes)}}
	}
	controller := "default"
	for only := range c.Controllers { // one, or the check complains
		controller = only
	}
	for i := range c.Routes {
		if c.Routes[i].Controller == "" {
			c.Routes[i].Controller = controller
		}
	}
}

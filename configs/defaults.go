package configs

import "time"

const day = 24 * time.Hour

// setDefaults fills in what a file left out.
func (c *Config) setDefaults() {
	c.SIP.setDefaults()
	if c.RTP.Ports == (Ports{}) {
		c.RTP.Ports = Ports{20000, 29999}
	}
	if c.S3 != nil && c.S3.Region == "" {
		c.S3.Region = "us-east-1"
	}
	if c.NATS.Listen.Address == "" && len(c.NATS.URL) == 0 {
		c.NATS.Listen.Address = "127.0.0.1:4222"
	}
	orElse(&c.NATS.Replicas, 1)
	orElse(&c.API.Listen.Address, "127.0.0.1:8080")
	if !c.API.Metrics.Off {
		orElse(&c.API.Metrics.Address, "127.0.0.1:9464")
	}
	orElse(&c.API.Group, "linewarden")
	orElse(&c.API.SocketRole, "agent")
	orElse(&c.Log.Level, "info")
	orElse(&c.Log.Format, "text")
	orElse(&c.Spool.MinFree.Bytes, 1<<30)
	if len(c.Purposes) == 0 {
		// What the privacy policy records calls for. The terms are short on purpose: a provider that needs longer says so.
		c.Purposes = map[string]Purpose{
			"training":     {Keep: Duration{180 * day}},
			"service":      {Keep: Duration{365 * day}},
			"fraud":        {Keep: Duration{2 * 365 * day}},
			"instructions": {Keep: Duration{3 * 365 * day}},
		}
	}
	if len(c.Routes) == 0 {
		c.Routes = []Route{{Name: "all", Purposes: keys(c.Purposes)}}
	}
	if only := keys(c.Controllers); len(only) <= 1 {
		only = append(only, "default")
		for i := range c.Routes {
			orElse(&c.Routes[i].Controller, only[0])
		}
	}
}

func (s *SIP) setDefaults() {
	if len(s.Listen) == 0 {
		s.Listen = []Listener{{"udp", "127.0.0.1:5060"}, {"tcp", "127.0.0.1:5060"}}
	}
	if len(s.Allow) == 0 {
		s.Allow = loopback
	}
	if s.TicketHeaders == nil {
		s.TicketHeaders = []string{"X-Ticket-ID"}
	}
	if s.UserToUser == nil {
		yes := true
		s.UserToUser = &yes
	}
	if s.Drain.Duration == 0 {
		s.Drain.Duration = 10 * time.Second
	}
	if s.MaxCall.Duration == 0 {
		s.MaxCall.Duration = 12 * time.Hour
	}
	orElse(&s.MaxSessions, 2000)
}

// orElse sets what is not set.
func orElse[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

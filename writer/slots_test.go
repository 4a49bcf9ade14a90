package writer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// line is a network with time of its own: each request takes a latency and then
// its share of a connection's and of the whole line's bandwidth, in bytes per
// second.
type line struct {
	latency         time.Duration
	connection, all float64
}

// settle keeps the slots busy with parts of size bytes for a minute of the
// line's time, and tells how many there are in the end.
func (l line) settle(s *slots, size int64) int { return l.keepBusy(s, size, time.Minute) }

func (l line) keepBusy(s *slots, size int64, d time.Duration) int {
	end := time.Now().Add(d)
	f := &File{}
	done := make(chan struct{})
	for range 2 * s.most {
		go func() {
			defer func() { done <- struct{}{} }()
			for time.Now().Before(end) {
				s.acquire(f, nil)
				share := min(l.connection, l.all/float64(s.count()))
				time.Sleep(l.latency + time.Duration(float64(size)/share*float64(time.Second)))
				s.release(size)
			}
		}()
	}
	for range 2 * s.most {
		<-done
	}
	return s.count()
}

func TestSlotsFindTheWire(t *testing.T) {
	for _, row := range []struct {
		name        string
		line        line
		least, most int
	}{
		{"loopback", line{0, 4e9, 4e9}, 8, 24},
		{"25 ms", line{25 * time.Millisecond, 90e6, 2.5e9}, 27, 64},
		{"150 ms", line{150 * time.Millisecond, 90e6, 2.5e9}, 27, 64},
		{"slow line", line{30 * time.Millisecond, 90e6, 12e6}, 2, 12},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if n := row.line.settle(newSlots(64), 10<<20); n < row.least || n > row.most {
					t.Errorf("%d slots, want %d to %d", n, row.least, row.most)
				}
			})
		})
	}
}

// TestSlotsFindTheWireSoon: a copy of a few GiB must not be over before.
func TestSlotsFindTheWireSoon(t *testing.T) {
	for latency, within := range map[time.Duration]time.Duration{
		25 * time.Millisecond: time.Second, 150 * time.Millisecond: 2 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			far := line{latency, 90e6, 2.5e9}
			if n := far.keepBusy(newSlots(64), 10<<20, within); n < 32 {
				t.Errorf("%d slots after %v at %v", n, within, latency)
			}
		})
	}
}

// TestADisturbedTrialIsRepeatedSoon: what disturbs the machine for a moment does
// not decide for the whole copy.
func TestADisturbedTrialIsRepeatedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(64)
		disturbed := line{25 * time.Millisecond, 90e6, 1.2e9}
		if n := disturbed.keepBusy(s, 10<<20, 400*time.Millisecond); n != firstSlots {
			t.Fatalf("%d slots, although more are not faster", n)
		}
		far := line{25 * time.Millisecond, 90e6, 2.5e9}
		if n := far.keepBusy(s, 10<<20, 300*time.Millisecond); n < 24 {
			t.Errorf("%d slots", n)
		}
	})
}

// TestTheFirstRoundIsATrial, however long nothing was to be sent before.
func TestTheFirstRoundIsATrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(64)
		time.Sleep(time.Hour)
		ended := make(chan int)
		go func() { ended <- line{25 * time.Millisecond, 90e6, 2.5e9}.keepBusy(s, 10<<20, time.Second) }()
		time.Sleep(150 * time.Millisecond) // a request takes 142
		if n := s.count(); n != 2*firstSlots {
			t.Errorf("%d slots after one round, want %d", n, 2*firstSlots)
		}
		<-ended
	})
}

// TestSlotsFollowTheLineDown: when the line becomes narrow, as many slots as
// before only make each request wait.
func TestSlotsFollowTheLineDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(64)
		wide := line{25 * time.Millisecond, 90e6, 2.5e9}.settle(s, 10<<20)
		narrow := line{25 * time.Millisecond, 90e6, 100e6}
		if n := narrow.keepBusy(s, 10<<20, 5*time.Minute); n > wide/2 {
			t.Errorf("%d slots, %d before the line became narrow", n, wide)
		}
	})
}

func TestSlotsHalveWhenTheStoreThrottles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(64)
		far := line{25 * time.Millisecond, 90e6, 2.5e9}
		many := far.settle(s, 10<<20)
		time.Sleep(time.Second)
		s.slower()
		s.slower() // an answer to a request of before
		if n := s.count(); n != many/2 {
			t.Errorf("%d slots after %d and one SlowDown", n, many)
		}
		for range 10 {
			time.Sleep(time.Second)
			s.slower()
		}
		if n := s.count(); n != leastSlots {
			t.Errorf("%d slots after ten SlowDowns", n)
		}
		if n := far.settle(s, 10<<20); n < many/2 {
			t.Errorf("%d slots a minute after the last SlowDown", n)
		}
	})
}

// TestSlotsGoRoundTheFiles: a file with one request waits for one turn of each
// other file, not for all that wait before it.
func TestSlotsGoRoundTheFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		large, small := &File{}, &File{}
		s.acquire(large, nil)
		order := make(chan *File, 10)
		queue := func(f *File, n int) {
			for range n {
				go func() {
					s.acquire(f, nil)
					order <- f
					s.release(1)
				}()
			}
			synctest.Wait()
		}
		queue(large, 8)
		queue(small, 1)
		s.release(1)
		synctest.Wait()
		if <-order; <-order != small {
			t.Error("the small file did not get the second turn")
		}
	})
}

func TestSlotsPassOnWhatIsNoLongerWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		f, g := &File{}, &File{}
		s.acquire(f, nil)
		done := make(chan struct{})
		got := make(chan bool, 2)
		go func() { got <- s.acquire(f, done) }()
		synctest.Wait()
		close(done)
		if <-got {
			t.Fatal("a slot was granted although none was free")
		}
		go func() { got <- s.acquire(g, nil) }()
		synctest.Wait()
		s.release(1)
		if !<-got {
			t.Fatal("the next one did not get the slot")
		}
	})
}

// TestWaitingInVain: what waits behind requests that fail has waited in vain,
// what waits behind slow ones has not.
func TestWaitingInVain(t *testing.T) {
	for _, fails := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			e, f := &Engine{slots: newSlots(1)}, &File{}
			ask := func(took time.Duration) (waited time.Duration) {
				_ = e.inTurn(t.Context(), f, nil, 1, func(ctx context.Context) error {
					waited = Waited(ctx)
					time.Sleep(took)
					if fails {
						return ErrUnavailable
					}
					return nil
				})
				return waited
			}
			go ask(10 * time.Minute)
			synctest.Wait()
			want := time.Duration(0)
			if fails {
				want = 10 * time.Minute
			}
			if waited := ask(0); waited != want {
				t.Errorf("failing: %v: waited for %v in vain, want %v", fails, waited, want)
			}
		})
	}
}

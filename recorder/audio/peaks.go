package audio

// PeaksVersion is the version of the form of Peaks.
const PeaksVersion = 1

// pointsPerSecond of the overview: one each 50 ms is finer than a pixel of an hour on any screen.
const pointsPerSecond = 20

// Peaks is an overview of the audio for a player to draw before it has the audio itself.
type Peaks struct {
	Version         int           `json:"version"`
	SampleRate      int           `json:"sample_rate"`
	PointsPerSecond int           `json:"points_per_second"`
	Channels        []PeakChannel `json:"channels"`
}

// PeakChannel has the lowest and the highest sample of each point, as signed 8-bit numbers.
type PeakChannel struct {
	Min []int8 `json:"min"`
	Max []int8 `json:"max"`
}

"""Training loops as public implementations write them, to measure ganzoo's against.

They read PNG files one by one through torch's DataLoader, compute in float32 with the channels first, take a number off
the device in every step, and let the discriminator's loss reach the refiner where public ports do. Networks, losses and
batch sizes are those of ganzoo's methods, so that only the loop differs.
"""

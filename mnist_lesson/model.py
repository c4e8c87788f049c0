"""The network of the lesson, built up piece by piece in notebook 04."""

import torch
import torch.nn as nn
import torch.nn.functional as F

num_classes = 10  # the digits 0 to 9


class CNN(nn.Module):
    """A small convolutional network for 28 x 28 grey images: 121,930 parameters.

    Input: images, float, (N, 1, 28, 28), values in 0..1.
    Output: logits, float, (N, num_classes). They are scores, not probabilities.
    Raises RuntimeError (from PyTorch) if the images have another shape.
    """

    def __init__(self) -> None:
        super().__init__()
        # Feature extractor
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3)
        self.pool2 = nn.MaxPool2d(2)
        # Classifier
        self.fc1 = nn.Linear(1600, 64)
        self.fc2 = nn.Linear(64, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(F.relu(self.conv1(x)))  # (N, 32, 13, 13)
        x = self.pool2(F.relu(self.conv2(x)))  # (N, 64, 5, 5)
        x = torch.flatten(x, start_dim=1)  # (N, 1600)
        x = F.relu(self.fc1(x))  # (N, 64)
        return self.fc2(x)  # (N, num_classes)
